import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { signIn } from '../api/sign-in'
import { navigate, usePlace } from '../app/location'
import type { PageProps } from '../app/routes'
import { TextField } from '../ui/field'
import { Failure, PageHead } from '../ui/page'

/** Only paths of our own: an address to come back to may have been made by anybody. */
export function safeBack(back: string | null): string {
  return back?.startsWith('/') && !back.startsWith('//') && !back.startsWith('/\\') ? back : '/overview'
}

export default function SignIn(_: PageProps) {
  const { search } = usePlace()
  const [key, setKey] = useState('')
  const begin = useMutation({
    mutationFn: () => signIn(key.trim()),
    onSuccess: () => navigate(safeBack(search.get('back')), { replace: true }),
  })
  return (
    <div className="stack">
      <div className="row">
        <img src="/assets/icon.svg" alt="" width={40} height={40} />
      </div>
      <PageHead title="Sign in to Posthorn" about="With an API key, or a token of your organisation." />
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          begin.mutate()
        }}
      >
        <TextField
          label="API key"
          hint={
            <>
              <code>make run</code> prints one; so does <code>posthorn jwt generate</code>.
            </>
          }
          mono
          type="password"
          autoComplete="current-password"
          required
          value={key}
          onChange={setKey}
        />
        {begin.error && <Failure error={begin.error} />}
        <button type="submit" className="button primary" disabled={begin.isPending}>
          Sign in
        </button>
      </form>
    </div>
  )
}
