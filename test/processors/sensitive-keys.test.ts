import assert from "node:assert/strict";
import { test } from "node:test";
import { compileKeys, wordsOf } from "../../src/processors/sensitive-keys";

const keys = compileKeys({});

test("a key is read as words, however they are joined", () => {
  for (const key of ["dbPassword", "DB_PASSWORD", "db-password", "db.password", "Db Password", "DBPassword"]) {
    assert.deepEqual(wordsOf(key), ["db", "password"], key);
  }
  assert.deepEqual(wordsOf("XMLHttpKey2Value"), ["xml", "http", "key2", "value"]);
  assert.deepEqual(wordsOf("aws.s3.key"), ["aws", "s3", "key"]);
  assert.deepEqual(wordsOf("пароль_входа"), ["пароль", "входа"]);
});

test("keys that hold secrets hide their text", () => {
  const secret = `
    password Password user_password userPassword dbpassword password2 passwordHash DB_PASSWD pwd PGPASSWORD passphrase
    secret clientSecret client_secret AWS_SECRET_ACCESS_KEY secretkey credentials credential
    token accessToken access_token refreshtoken idToken x-auth-token oauth2Token auth authorization Proxy-Authorization
    http.request.header.authorization http.request.header.cookie set-cookie cookie cookies
    key apiKey api_key apikey x-api-key APIKey openaiApiKey private_key privateKey encryptionKey accountKey sshKey
    jwt bearer sso saml csrf xsrf X-CSRF-Token X-XSRF-TOKEN session session.id sessionId jsessionid PHPSESSID sid connect.sid
    signature X-Amz-Signature X-Amz-Credential sig dsn SENTRY_DSN connection_string connectionString ConnectionStrings pass
    otp cvv auth_code`;
  for (const key of secret.trim().split(/\s+/)) assert.notEqual(keys.sense(key).hides, "nothing", key);
});

test("keys that only look alike hide nothing", () => {
  const harmless = `
    monkey keyboard keyboardLayout turkey hockey keyspace keynote keyword keywords author authors authority coauthor
    tokenizer tokenize secretary passenger passed bypass compass possession obsession sidebar side inside
    primaryKey primary_key foreign_key partition_key sort.key routingKey messaging.rabbitmq.destination.routing_key
    messaging.kafka.message.key aws.s3.key feature_flag.key cacheKey idempotency_key public_key keyPattern
    token_type tokenType auth.method auth_scheme key_name token_url jwks_uri password_policy token_expires_at
    http.request.body.size url.full user.id user_agent error.type TokenExpiredError session_count key_length
    gen_ai.token.type gen_ai.usage.usage cookie_name signature_version private_ip`;
  for (const key of harmless.trim().split(/\s+/)) assert.equal(keys.sense(key).hides, "nothing", key);
});

test("a count of tokens or sessions is no secret, a numeric password is", () => {
  for (const key of ["gen_ai.usage.input_tokens", "max_tokens", "tokens", "sessions", "keys", "key", "apiKeys"]) {
    assert.equal(keys.sense(key).hides, "text", key);
  }
  for (const key of ["tokens_used", "token_count", "tokenLimit"]) assert.equal(keys.sense(key).hides, "nothing", key);
  for (const key of ["password", "pwd", "otp", "cvv", "token", "session_id"]) {
    assert.equal(keys.sense(key).hides, "everything", key);
  }
});

test("an everyday word proves nothing in prose", () => {
  for (const key of ["token", "key", "auth", "session", "auth-service", "secret-store"]) {
    assert.equal(keys.sense(key).certain, false, key);
  }
  for (const key of ["password", "secret", "access_token", "apiKey", "session_id"]) {
    assert.equal(keys.sense(key).certain, true, key);
  }
});

test("users add keys as words and free keys as a whole", () => {
  const own = compileKeys({ keys: ["customerId", "iban"], allowKeys: ["session.id", "cacheToken"] });
  assert.equal(own.sense("order.customer_id").hides, "everything");
  assert.equal(own.sense("IBAN").hides, "everything");
  assert.equal(own.sense("customer").hides, "nothing");
  assert.equal(own.sense("urban").hides, "nothing");
  assert.equal(own.sense("sessionId").hides, "nothing");
  assert.equal(own.sense("old_session_id").hides, "everything");
  assert.equal(own.sense("password").hides, "everything");
  assert.equal(compileKeys({ keys: ["", "--"] }).sense("anything").hides, "nothing");
});
