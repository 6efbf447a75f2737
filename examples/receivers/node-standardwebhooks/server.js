import express from 'express';
import { Webhook } from 'standardwebhooks';

const secret = process.env.WEBHOOK_SECRET;
if (!secret) {
  console.error('Set WEBHOOK_SECRET to the secret of your webhook.');
  process.exit(1);
}

// After whsec_ stands the key in base64, as Dits makes secrets; any other text is the key itself.
const webhook = secret.startsWith('whsec_')
  ? new Webhook(secret)
  : new Webhook(Buffer.from(secret), { format: 'raw' });

const app = express();
// The body's bytes as they came, which are what was signed.
app.use(express.raw({ type: 'application/json' }));

app.post('/webhook', (req, res) => {
  const delivery = verified(req);
  if (!delivery) {
    return res.status(401).send('Invalid signature');
  }

  // Handle event
  const { event, repository } = delivery;
  console.log(`verified ${event} ${req.get('webhook-id')} for ${repository?.full_name ?? 'no repository'}`);

  res.status(200).send('OK');
});

/** What the body says when it was signed with our secret within the last five minutes, else null. */
function verified(req) {
  try {
    return webhook.verify(req.body, req.headers);
  } catch (error) {
    console.error(`refused: ${error.message}`);
    return null;
  }
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
