import hashlib
import hmac
import os
import sys

from flask import Flask, jsonify, request
from werkzeug.serving import make_server

secret = os.environ.get('WEBHOOK_SECRET') or sys.exit('Set WEBHOOK_SECRET to the secret of your webhook.')

app = Flask(__name__)
# Deliveries have at most 100,000 bytes; anything larger is refused unread.
app.config['MAX_CONTENT_LENGTH'] = 100 * 1024


def verify_signature(payload, signature, secret):
    expected = hmac.new(
        secret.encode(),
        payload,
        hashlib.sha256
    ).hexdigest()
    # As bytes: compare_digest refuses texts that are not ASCII.
    return hmac.compare_digest(signature.encode(), f"sha256={expected}".encode())


@app.route('/webhook', methods=['POST'])
def handle_webhook():
    signature = request.headers.get('X-Hub-Signature-256', '')
    payload = request.get_data()

    if not verify_signature(payload, signature, secret):
        return jsonify({'error': 'Invalid signature'}), 401

    data = request.get_json()
    event = data['event']
    name = data.get('repository', {}).get('full_name', 'no repository')
    print(f"verified {event} {request.headers.get('X-Dits-Delivery')} for {name}", flush=True)

    if event == 'push':
        print(f"Push to {name}: {len(data['commits'])} commits", flush=True)
        # Trigger deployment

    elif event == 'lock.acquired':
        file_path = data['lock']['path']
        user = data['sender']['login']
        print(f"File locked: {file_path} by {user}", flush=True)
        # Notify team

    return jsonify({'status': 'ok'})


if __name__ == '__main__':
    server = make_server('127.0.0.1', int(os.environ.get('PORT', 3000)), app, threaded=True)
    print(f'listening on http://127.0.0.1:{server.server_port}/webhook', flush=True)
    server.serve_forever()
