import { useState } from 'react'
import { Code } from '../ui/json'
import { Segments } from '../ui/segments'

const SNIPPETS = {
  javascript: `import { Webhook } from "svix";  // npm install svix

const webhook = new Webhook(process.env.WEBHOOK_SECRET);

app.post("/webhooks", express.raw({ type: "*/*" }), (req, res) => {
  const event = webhook.verify(req.body, req.headers);  // throws if it is not genuine
  res.status(204).end();
});`,
  python: `from svix.webhooks import Webhook  # pip install svix

webhook = Webhook(os.environ["WEBHOOK_SECRET"])

@app.post("/webhooks")
def receive():
    event = webhook.verify(request.get_data(), request.headers)  # raises if it is not genuine
    return "", 204`,
  go: `import svix "github.com/svix/svix-webhooks/go"

webhook, _ := svix.NewWebhook(os.Getenv("WEBHOOK_SECRET"))

func receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if err := webhook.Verify(body, r.Header); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}`,
  rust: `use svix::webhooks::Webhook; // cargo add svix

let webhook = Webhook::new(&std::env::var("WEBHOOK_SECRET")?)?;

// With the raw body, and the headers as they came:
webhook.verify(&body, &headers)?;`,
  shell: `# signed content: id.timestamp.body, keyed with the decoded part after whsec_
key=$(printf %s "\${SECRET#whsec_}" | base64 -d | xxd -p -c 256)
printf %s "$ID.$TIMESTAMP.$BODY" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64
# one of the signatures in svix-signature must be v1, and this`,
}

type Language = keyof typeof SNIPPETS
const LANGUAGES: [Language, string][] = [
  ['javascript', 'JavaScript'],
  ['python', 'Python'],
  ['go', 'Go'],
  ['rust', 'Rust'],
  ['shell', 'Shell'],
]

/** How a receiver makes sure that a request is genuine. */
export function Snippets() {
  const [language, setLanguage] = useState<Language>('javascript')
  return (
    <div className="stack">
      <Segments label="Language" options={LANGUAGES} value={language} onChange={setLanguage} />
      <Code text={SNIPPETS[language]} label={`Verify in ${language}`} />
      <p className="dim small">Verify the raw body: JSON that was read and written again has other bytes.</p>
    </div>
  )
}
