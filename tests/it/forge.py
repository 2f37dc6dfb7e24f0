"""A small forge for tests: `git http-backend` over HTTP, and what real ones answer besides.

Usage: forge.py ROOT. Prints its port. Paths: /open/REPO, /closed/REPO (user `me`, password `s3cret-t0ken`), /status/CODE/REPO,
/silent/REPO (never answers). What the processes of this machine were started with while a request was answered is
appended to ROOT/processes.
"""

import base64
import gzip
import http.server
import os
import subprocess
import sys
import time

ROOT = os.path.abspath(sys.argv[1])
LOGIN = "Basic " + base64.b64encode(b"me:s3cret-t0ken").decode()


def processes():
    if not os.path.isdir("/proc/self"):
        return subprocess.run(["ps", "-axww", "-o", "args"], capture_output=True).stdout
    found = b""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                found += file.read().replace(b"\0", b" ") + b"\n"
        except OSError:
            pass
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, code, headers, body=b""):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self):
        body = self.body()
        with open(os.path.join(ROOT, "processes"), "ab") as file:
            file.write(processes())
        path, _, query = self.path.partition("?")
        _, kind, rest = path.split("/", 2)
        if kind == "silent":
            time.sleep(20)
            return self.reply(503, [])
        if kind == "status":
            return self.reply(int(rest.split("/")[0]), [])
        if kind == "closed" and self.headers.get("Authorization") != LOGIN:
            return self.reply(401, [("WWW-Authenticate", 'Basic realm="forge"')])
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        environment = dict(
            os.environ, GIT_PROJECT_ROOT=ROOT, GIT_HTTP_EXPORT_ALL="1", PATH_INFO="/" + rest, QUERY_STRING=query,
            REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""), CONTENT_LENGTH=str(len(body)),
            HTTP_GIT_PROTOCOL=self.headers.get("Git-Protocol", ""), REMOTE_USER="me", REMOTE_ADDR="127.0.0.1",
        )
        out = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        code = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.reply(code, [header for header in headers if header[0] != "Status"], content)

    do_GET = do_POST = answer


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
