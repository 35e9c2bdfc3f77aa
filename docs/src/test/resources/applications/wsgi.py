"""An application on Python's own WSGI server, which knows no 100 Continue: it counts what it is sent."""
import sys
from hashlib import sha256
from wsgiref.simple_server import make_server


def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{sha256(body).hexdigest()} {len(body)}".encode()]


make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
