"""That the judge of the walks (summary.py) sees mistakes; check.py runs this first."""

import json
import unittest

import summary


def step(operation, words, ok=True):
    return json.dumps({"operation": operation, "step": words, "ok": ok, "error": None if ok else "it is red"})


def walk_of(sdk):
    """The steps that this SDK's walk should at least have."""
    steps = {}
    for one in summary.OPERATIONS:
        if sdk in one.get("broken_in", []):
            words = summary.UNSENDABLE
        elif one["expectation"] == "501":
            words = "501: this version does not serve it"
        else:
            words = "works"
        if sdk in one["sdks"]:
            steps[one["operation"]] = [step(one["operation"], words)]
    return steps


def problems(sdk, steps):
    return summary.judge(sdk, "\n".join(line for lines in steps.values() for line in lines)).problems


class Judge(unittest.TestCase):
    served = "v1.application.create"
    unserved = "v1.connector.create"
    unsendable = "v1.message-attempt.resend"

    def judged(self, operation, lines, sdk="go"):
        return problems(sdk, {**walk_of(sdk), operation: lines})

    def test_a_full_walk_is_fine(self):
        for sdk in summary.SDKS:
            self.assertEqual(problems(sdk, walk_of(sdk)), [])

    def test_a_failed_step(self):
        lines = [step(self.served, "works"), step(self.served, "looks well", ok=False)]
        self.assertEqual(self.judged(self.served, lines), [f"failed: {self.served}: looks well: it is red"])

    def test_an_operation_without_a_step(self):
        self.assertEqual(self.judged(self.served, []), [f"no step: {self.served}"])

    def test_a_served_operation_that_was_only_refused(self):
        lines = [step(self.served, "501: not yet")]
        self.assertIn("no step has seen that", self.judged(self.served, lines)[0])

    def test_a_refused_operation_that_is_served(self):
        self.assertIn("said to be 501", self.judged(self.unserved, [step(self.unserved, "works")])[0])

    def test_an_operation_that_the_sdk_cannot_send_and_no_one_said_so(self):
        lines = [step(self.unsendable, summary.UNSENDABLE)]
        self.assertIn("broken_in does not say so", self.judged(self.unsendable, lines)[0])

    def test_an_operation_that_is_said_to_be_broken_and_works(self):
        lines = [step(self.unsendable, "works")]
        self.assertIn("said to be broken", self.judged(self.unsendable, lines, "java")[0])

    def test_an_operation_that_nobody_knows(self):
        self.assertEqual(self.judged("v1.new.one", [step("v1.new.one", "works")]), ["not in operations.json: v1.new.one"])

    def test_a_walk_that_broke_off(self):
        self.assertIn("not a line of a walk", summary.judge("go", step(self.served, "works") + '\n{"oper').problems[0])
        self.assertNotEqual(summary.judge("go", "").problems, [])


def mistakes():
    """What failed, in words."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Judge).run(result)
    if result.testsRun == 0:
        return ["no test was found"]
    return [f"{case}: {text}" for case, text in result.failures + result.errors]


if __name__ == "__main__":
    unittest.main()
