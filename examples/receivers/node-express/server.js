import crypto from 'node:crypto';
import express from 'express';

const secret = process.env.WEBHOOK_SECRET;
if (!secret) {
  console.error('Set WEBHOOK_SECRET to the secret of your webhook.');
  process.exit(1);
}

const app = express();
app.use(express.json());

app.post('/webhook', (req, res) => {
  if (!isSigned(req)) {
    return res.status(401).send('Invalid signature');
  }

  // Handle event
  const { event, repository, commits } = req.body;
  console.log(
    `verified ${event} ${req.get('X-Dits-Delivery')} for ${repository?.full_name ?? 'no repository'}`,
  );

  switch (event) {
    case 'push':
      console.log(`New push to ${repository.full_name}: ${commits.length} commits`);
      // Trigger CI/CD pipeline
      break;
    case 'repo.created':
      console.log(`New repository: ${repository.name}`);
      // Set up monitoring
      break;
  }

  res.status(200).send('OK');
});

/** Was the body signed with our secret? A delivery's body is the same when it is parsed and written again. */
function isSigned(req) {
  const payload = JSON.stringify(req.body ?? {});
  const expected = 'sha256=' + crypto.createHmac('sha256', secret).update(payload).digest('hex');
  const signature = Buffer.from(req.get('X-Hub-Signature-256') ?? '');
  // timingSafeEqual throws when the lengths differ.
  return signature.length === expected.length && crypto.timingSafeEqual(signature, Buffer.from(expected));
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
