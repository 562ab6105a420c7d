package main

// What the walk needs that is not about Svix: steps, checks, waiting, and the receiver.

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// How long something that happens later may take; retries of failing deliveries included.
const soon = 30 * time.Second

// A check that did not hold, as opposed to an error of the SDK.
type checkFailed struct{ what string }

func (failed checkFailed) Error() string { return failed.what }

// Says what went wrong in one line, beginning with the status if it was an answer.
func describe(raised any) string {
	err, isError := raised.(error)
	if !isError {
		return fmt.Sprint(raised)
	}
	var answer *svix.Error
	if errors.As(err, &answer) {
		return fmt.Sprintf("HTTP %d: %s", answer.Status(), answer.Body())
	}
	return fmt.Sprintf("%T: %v", err, err)
}

// Runs a function, and returns what it panicked with.
func attempt(run func()) (raised any) {
	defer func() { raised = recover() }()
	run()
	return nil
}

// Runs a function as one step, and prints the verdict. A check that fails panics.
func step(operation, words string, run func()) {
	verdict := struct {
		Operation string  `json:"operation"`
		Step      string  `json:"step"`
		Ok        bool    `json:"ok"`
		Error     *string `json:"error"`
	}{operation, words, true, nil}
	if raised := attempt(run); raised != nil {
		text := describe(raised)
		verdict.Ok, verdict.Error = false, &text
	}
	line, err := json.Marshal(verdict)
	check(err)
	fmt.Println(string(line))
}

// Panics with an error of the SDK.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// Returns an answer, or panics with the error of the SDK.
func must[T any](answer *T, err error) *T {
	check(err)
	return answer
}

func text(value any) string {
	line, err := json.Marshal(value)
	check(err)
	return string(line)
}

// Checks that two values are the same as JSON.
func equal(actual, expected any, what string) {
	if text(actual) != text(expected) {
		panic(checkFailed{fmt.Sprintf("%s: %s instead of %s", what, text(actual), text(expected))})
	}
}

func holds(condition bool, what string) {
	if !condition {
		panic(checkFailed{what})
	}
}

// The body of an error: code and detail, or a list of details for 422.
type errorBody struct {
	Code   string          `json:"code"`
	Detail json.RawMessage `json:"detail"`
}

type invalid struct {
	Loc  []string `json:"loc"`
	Msg  string   `json:"msg"`
	Type string   `json:"type"`
}

// Checks that an error has this status and this code, and returns the details of a 422.
func fails(status int, code string, err error) []invalid {
	var answer *svix.Error
	if !errors.As(err, &answer) {
		panic(checkFailed{fmt.Sprintf("no %d, but %v", status, err)})
	}
	if answer.Status() != status {
		panic(err)
	}
	var body errorBody
	check(json.Unmarshal(answer.Body(), &body))
	if code != "" {
		equal(body.Code, code, fmt.Sprintf("code of the %d", status))
		holds(len(body.Detail) > 2, fmt.Sprintf("the %d has no detail", status))
	}
	var details []invalid
	if status == http.StatusUnprocessableEntity {
		check(json.Unmarshal(body.Detail, &details))
		holds(len(details) > 0, "the 422 has no details")
	}
	return details
}

// Drops an answer whose error is what matters.
func errorOf[T any](_ T, err error) error { return err }

// Calls until no check fails.
func eventually(probe func()) {
	deadline := time.Now().Add(soon)
	for {
		raised := attempt(probe)
		if raised == nil {
			return
		}
		if _, failed := raised.(checkFailed); !failed || time.Now().After(deadline) {
			panic(raised)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func pointer[T any](value T) *T { return &value }

func unique() string {
	bytes := make([]byte, 5)
	_, err := rand.Read(bytes)
	check(err)
	return hex.EncodeToString(bytes)
}

type request struct {
	headers http.Header
	body    []byte
}

type receiver struct{ base, folder string }

func (receiver receiver) path(name string, failures int) string {
	if failures > 0 {
		return fmt.Sprintf("/fail-%d/%s/%s", failures, receiver.folder, name)
	}
	return fmt.Sprintf("/%s/%s", receiver.folder, name)
}

func (receiver receiver) url(path string) string { return receiver.base + path }

func (receiver receiver) received(path string) []request {
	answer, err := http.Get(receiver.base + "/_requests?path=" + url.QueryEscape(path))
	check(err)
	defer answer.Body.Close()
	var recorded []struct {
		Headers    map[string]string `json:"headers"`
		BodyBase64 string            `json:"body_base64"`
	}
	check(json.NewDecoder(answer.Body).Decode(&recorded))
	requests := []request{}
	for _, one := range recorded {
		body, err := base64.StdEncoding.DecodeString(one.BodyBase64)
		check(err)
		headers := http.Header{}
		for name, value := range one.Headers {
			headers.Set(name, value)
		}
		requests = append(requests, request{headers, body})
	}
	return requests
}

// Waits until a message has arrived so many times, and returns the requests.
func (receiver receiver) wait(path, messageId string, count int) []request {
	var found []request
	eventually(func() {
		found = nil
		for _, one := range receiver.received(path) {
			if one.headers.Get("svix-id") == messageId {
				found = append(found, one)
			}
		}
		holds(len(found) >= count, fmt.Sprintf("%s came %d times to %s, not %d", messageId, len(found), path, count))
	})
	return found
}

// The ids of a page.
func idsOf[T any](data []T, id func(T) string) []string {
	ids := []string{}
	for _, one := range data {
		ids = append(ids, id(one))
	}
	return ids
}

func contains(all []string, one string) bool {
	return strings.Contains("\n"+strings.Join(all, "\n")+"\n", "\n"+one+"\n")
}
