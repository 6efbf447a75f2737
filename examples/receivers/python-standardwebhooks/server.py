import os
import sys

from flask import Flask, jsonify, request
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.serving import make_server

secret = os.environ.get('WEBHOOK_SECRET') or sys.exit('Set WEBHOOK_SECRET to the secret of your webhook.')

# After whsec_ stands the key in base64, as Dits makes secrets; any other text is the key itself.
webhook = Webhook(secret if secret.startswith('whsec_') else secret.encode())

app = Flask(__name__)
# Deliveries have at most 100,000 bytes; anything larger is refused unread.
app.config['MAX_CONTENT_LENGTH'] = 100 * 1024


def verified(request):
    """What the body says when it was signed with our secret within the last five minutes, else None."""
    try:
        return webhook.verify(request.get_data(), request.headers)
    # ValueError: a header or a body that is not even well-formed.
    except (WebhookVerificationError, ValueError) as error:
        print(f'refused: {error}', file=sys.stderr, flush=True)
        return None


@app.route('/webhook', methods=['POST'])
def handle_webhook():
    delivery = verified(request)
    if delivery is None:
        return jsonify({'error': 'Invalid signature'}), 401

    # Handle event
    name = delivery.get('repository', {}).get('full_name', 'no repository')
    print(f"verified {delivery['event']} {request.headers['webhook-id']} for {name}", flush=True)

    return jsonify({'status': 'ok'})


if __name__ == '__main__':
    server = make_server('127.0.0.1', int(os.environ.get('PORT', 3000)), app, threaded=True)
    print(f'listening on http://127.0.0.1:{server.server_port}/webhook', flush=True)
    server.serve_forever()
