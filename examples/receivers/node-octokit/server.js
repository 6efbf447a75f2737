import { verify } from '@octokit/webhooks-methods';
import express from 'express';

const secret = process.env.WEBHOOK_SECRET;
if (!secret) {
  console.error('Set WEBHOOK_SECRET to the secret of your webhook.');
  process.exit(1);
}

const app = express();
// The body as text, which is what was signed.
app.use(express.text({ type: 'application/json' }));

app.post('/webhook', async (req, res) => {
  if (!(await isSigned(req))) {
    return res.status(401).send('Invalid signature');
  }

  // Handle event
  const { event, repository } = JSON.parse(req.body);
  console.log(
    `verified ${event} ${req.get('X-Dits-Delivery')} for ${repository?.full_name ?? 'no repository'}`,
  );

  res.status(200).send('OK');
});

/** Was the body signed with our secret? GitHub's own verifier decides. */
async function isSigned(req) {
  const signature = req.get('X-Hub-Signature-256');
  // verify() throws without a body or a signature.
  return Boolean(req.body && signature) && (await verify(secret, req.body, signature));
}

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}/webhook`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close();
    server.closeIdleConnections();
  });
}
