import { useMutation } from '@tanstack/react-query'
import { CircleAlert, CircleCheck } from 'lucide-react'
import { useState } from 'react'
import type { PageProps } from '../app/routes'
import { examine, fromHeaders, type Sign } from '../text/signature'
import { CopyId } from '../ui/copy'
import { Field, TextField } from '../ui/field'
import { Card, Failure, PageHead } from '../ui/page'

/** Browsers sign only on pages that came over https, or from this machine. */
const sign: Sign = async (key, content) => {
  if (!window.crypto?.subtle) {
    throw new Error('This browser signs only on pages that came over https. Open the dashboard over https.')
  }
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key as BufferSource, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, content as BufferSource))
}

/** Says why a request does not verify. Nothing that is typed here leaves the page. */
export default function Debugger(_: PageProps) {
  const [headers, setHeaders] = useState('')
  const [body, setBody] = useState('')
  const [secret, setSecret] = useState('')
  const [second, setSecond] = useState('')
  const found = fromHeaders(headers)
  const check = useMutation({
    mutationFn: () =>
      examine(
        {
          secrets: [secret, second],
          id: found.id ?? '',
          timestamp: found.timestamp ?? '',
          signatures: found.signatures ?? '',
          body,
        },
        sign,
        Date.now(),
      ),
  })
  return (
    <>
      <PageHead
        title="Signature debugger"
        about="Paste a request as your server got it. It is checked in this browser: nothing is sent anywhere."
      />
      <div className="columns">
        <Card>
          <form
            className="stack"
            onSubmit={(event) => {
              event.preventDefault()
              check.mutate()
            }}
          >
            <Field
              label="Headers"
              hint="The three that begin with svix- or webhook-, one a line. Others do no harm."
            >
              {(given) => (
                <textarea
                  {...given}
                  className="textarea mono"
                  rows={5}
                  spellCheck={false}
                  placeholder={'svix-id: msg_…\nsvix-timestamp: 1764201600\nsvix-signature: v1,…'}
                  value={headers}
                  onChange={(event) => setHeaders(event.target.value)}
                />
              )}
            </Field>
            <Field label="Body" hint="Byte for byte, as it came.">
              {(given) => (
                <textarea
                  {...given}
                  className="textarea mono"
                  rows={7}
                  spellCheck={false}
                  value={body}
                  onChange={(event) => setBody(event.target.value)}
                />
              )}
            </Field>
            <TextField
              label="Secret"
              mono
              autoComplete="off"
              placeholder="whsec_…"
              value={secret}
              onChange={setSecret}
            />
            <TextField
              label="Another secret"
              hint="Optional: the one before or after a rotation."
              mono
              autoComplete="off"
              value={second}
              onChange={setSecond}
            />
            <div>
              <button type="submit" className="button primary">
                Check
              </button>
            </div>
          </form>
        </Card>
        <div className="stack" aria-live="polite">
          {check.error && <Failure error={check.error} />}
          {check.data && (
            <div className={`notice ${check.data.ok ? 'ok' : 'bad'}`}>
              {check.data.ok ? <CircleCheck size={15} /> : <CircleAlert size={15} />}
              <div className="stack tight">
                <strong>{check.data.title}</strong>
                <span>{check.data.detail}</span>
                {!check.data.ok && check.data.expected.length > 0 && (
                  <span>
                    Expected:{' '}
                    {check.data.expected.map((one) => (
                      <CopyId key={one} value={one} />
                    ))}
                  </span>
                )}
              </div>
            </div>
          )}
          <Card title="How it is made">
            <p>
              The signed text is the id, the timestamp and the raw body, joined by dots. The key is the part
              of the secret after <code>whsec_</code>, decoded from base64. The signature is <code>v1,</code>{' '}
              and the HMAC-SHA256 of the text in base64. While a secret is being rotated there are two.
            </p>
          </Card>
        </div>
      </div>
    </>
  )
}
