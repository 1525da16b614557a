/** Secrets that were made up, in the forms they have in texts. Put together here, so that no scanner takes them for real ones. */
export interface Canary {
  readonly name: string;
  /** As it stands in a text. */
  readonly text: string;
  /** What must not be seen again. */
  readonly secret: string;
}

const letters = (length: number): string => "q7RtYw2mKpZx4LvNb8HsGd3JfCe6AuTi".repeat(4).slice(0, length);
const hex = (length: number): string => "9f4b2e7c1a8d5036".repeat(4).slice(0, length);
const upper = (length: number): string => letters(length).toUpperCase();

const jwt = `${"ey"}JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.${"ey"}JzdWIiOiI5MDIxIn0.${letters(43)}`;
const pemBody = `${letters(64)}\n${letters(64)}\n${letters(28)}==`;
const pem = `-----BEGIN ${"PRIVATE"} KEY-----\n${pemBody}\n-----END ${"PRIVATE"} KEY-----`;

export const CANARIES: readonly Canary[] = [
  whole("JSON web token", jwt),
  part("bearer token", "Bearer ", letters(30)),
  part("authorization header", "Authorization: Bearer ", "correct.horse.battery"),
  part("basic credentials", "Basic ", Buffer.from("canary:hunter22").toString("base64")),
  { name: "private key", text: pem, secret: pemBody.slice(0, 64) },
  { name: "private key without an end", text: pem.slice(0, -40), secret: pemBody.slice(64, 120).trim() },
  { name: "URL password", text: "postgres://app:hunter22@db.internal:5432/shop", secret: "hunter22" },
  { name: "URL password with an at sign", text: "amqp://app:hun@ter22@mq.internal/", secret: "hun@ter22" },
  { name: "URL password with a slash", text: "redis://:hun/ter22@cache.internal:6379", secret: "hun/ter22" },
  { name: "URL token", text: `https://${letters(32)}@git.internal/repo.git`, secret: letters(32) },
  part("password", "password=", "hunter22"),
  part("password with a comma", "password=", "hunt,er22"),
  part("spaced password", "password = ", "hunter22"),
  part("colon password", "password: ", "hunter22"),
  { name: "connection string", text: "Server=db;User Id=app;Password=hunter22;Pooling=true", secret: "hunter22" },
  { name: "short connection string", text: "Server=db;Uid=app;Pwd=hunter22;", secret: "hunter22" },
  { name: "libpq string", text: "host=db user=app password=hunter22 dbname=shop", secret: "hunter22" },
  { name: "JSON password", text: '{"user":"app","password":"hunter 22"}', secret: "hunter 22" },
  { name: "JSON password with a quote", text: '{"password": "hun\\"ter22"}', secret: "ter22" },
  { name: "JSON password with a backslash", text: '{"a":{"password":"hunter22\\\\"},"b":1}', secret: "hunter22" },
  { name: "JSON within JSON", text: '{"body":"{\\"api_key\\":\\"hunter22\\",\\"a\\":1}"}', secret: "hunter22" },
  { name: "inspected object", text: "{ user: 'app', clientSecret: 'hunter22' }", secret: "hunter22" },
  { name: "XML element", text: "<Password>hunter22</Password>", secret: "hunter22" },
  { name: "query token", text: "/login?next=home&token=hunter22&page=2", secret: "hunter22" },
  { name: "query key", text: "https://maps.internal/v1?key=hunter22", secret: "hunter22" },
  { name: "fragment token", text: "https://app.internal/cb#access_token=hunter22&a=b", secret: "hunter22" },
  { name: "form field in brackets", text: "user[name]=app&user[password]=hunter22", secret: "hunter22" },
  { name: "command line", text: "Command failed: dump --user app --password hunter22 --host db", secret: "hunter22" },
  { name: "cookie header", text: "Cookie: theme=dark; sid=hunter22", secret: "hunter22" },
  whole("AWS access key", `${"AK"}IA${upper(16)}`),
  whole("AWS temporary key", `${"AS"}IA${upper(16)}`),
  part("AWS secret key", "aws_secret_access_key=", `${letters(20)}/${letters(19)}`),
  whole("Google API key", `${"AI"}za${letters(35)}`),
  {
    name: "Google service account",
    text: JSON.stringify({ type: "service_account", private_key: pem }),
    secret: pemBody.slice(0, 64),
  },
  {
    name: "Azure account key",
    text: `AccountName=shop;AccountKey=${letters(40)}==;EndpointSuffix=x`,
    secret: letters(40),
  },
  {
    name: "Azure shared access signature",
    text: `https://shop.blob/x?sv=2024&sig=${letters(20)}%3D&se=1`,
    secret: letters(20),
  },
  ...["p", "o", "u", "s", "r"].map((kind) => whole(`GitHub gh${kind}`, `gh${kind}_${letters(36)}`)),
  whole("GitHub fine-grained token", `${"github"}_pat_${letters(22)}_${letters(59)}`),
  whole("GitLab token", `${"gl"}pat-${letters(20)}`),
  whole("Slack token", `${"xo"}xb-1234567890-1234567890123-${letters(24)}`),
  part("Slack webhook", "https://hooks.slack.com/services/", `T${upper(8)}/B${upper(8)}/${letters(24)}`),
  whole("Stripe key", `${"sk"}_live_${letters(24)}`),
  whole("Stripe restricted key", `${"rk"}_live_${letters(24)}`),
  whole("OpenAI key", `${"sk"}-proj-${letters(40)}`),
  whole("Anthropic key", `${"sk"}-ant-api03-${letters(40)}`),
  whole("npm token", `${"np"}m_${letters(36)}`),
  whole("PyPI token", `${"py"}pi-AgEIcHlwaS5vcmc${letters(40)}`),
  whole("SendGrid key", `${"S"}G.${letters(22)}.${letters(43)}`),
  whole("DigitalOcean token", `${"do"}p_v1_${hex(64)}`),
  whole("Hugging Face token", `${"h"}f_${letters(34)}`),
];

/** These mean something only where a word begins or ends, so that no id is taken for one. */
export const WORD_CANARIES: readonly Canary[] = [
  whole("older OpenAI key", `${"sk"}-${letters(40)}`),
  whole("Twilio key", `${"S"}K${hex(32)}`),
  whole("Visa card", "4111111111111111"),
  whole("Visa card in groups", "4111 1111 1111 1111"),
  whole("Visa card with dashes", "4012-8888-8888-1881"),
  whole("short Visa card", "4222222222222"),
  whole("Mastercard", "5555555555554444"),
  whole("newer Mastercard", "2223003122003222"),
  whole("American Express card", "378282246310005"),
  whole("American Express card in groups", "3782 822463 10005"),
  whole("Discover card", "6011111111111117"),
  whole("Diners Club card", "30569309025904"),
  whole("JCB card", "3530111333300000"),
];

function whole(name: string, secret: string): Canary {
  return { name, text: secret, secret };
}

function part(name: string, before: string, secret: string): Canary {
  return { name, text: before + secret, secret };
}
