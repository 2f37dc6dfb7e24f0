"""A headless Chromium, driven by its DevTools protocol over a pipe: the standard library is enough."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time


class Browser:
    def __init__(self):
        program = next(filter(None, map(shutil.which, ['chromium', 'chromium-browser', 'google-chrome'])), None)
        if program is None:
            raise SystemExit('no chromium: apt-get install chromium')
        self.folder = tempfile.mkdtemp()
        (their_in, self.out), (self.in_, their_out) = os.pipe(), os.pipe()

        def ends():
            # The protocol is spoken on 3 and 4, wherever the pipes were.
            os.dup2(their_in, 103), os.dup2(their_out, 104)
            os.dup2(103, 3), os.dup2(104, 4)

        self.child = subprocess.Popen(
            [program, '--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', '--hide-scrollbars',
             '--force-color-profile=srgb', '--user-data-dir=' + self.folder, 'about:blank'],
            preexec_fn=ends, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number, self.buffer, self.session, self.faults = 0, b'', None, []
        page = self.send('Target.createTarget', url='about:blank')['targetId']
        self.session = self.send('Target.attachToTarget', targetId=page, flatten=True)['sessionId']
        for domain in ['Page', 'Runtime', 'Log']:
            self.send(domain + '.enable')

    def send(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.out, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError('%s: %s' % (method, answer['error']))
                return answer['result']

    def receive(self):
        while b'\0' not in self.buffer:
            part = os.read(self.in_, 1 << 20)
            if not part:
                raise RuntimeError('the browser went away')
            self.buffer += part
        text, self.buffer = self.buffer.split(b'\0', 1)
        message = json.loads(text)
        method, params = message.get('method'), message.get('params', {})
        if method == 'Runtime.exceptionThrown':
            details = params['exceptionDetails']
            self.faults.append(details.get('exception', {}).get('description') or details['text'])
        elif method == 'Log.entryAdded' and params['entry']['level'] in ('error', 'warning'):
            self.faults.append(params['entry']['text'])
        elif method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning', 'assert'):
            self.faults.append(str(params['args']))
        return message

    def run(self, script):
        answer = self.send('Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(json.dumps(answer['exceptionDetails'])[:2000])
        return answer['result'].get('value')

    def look(self, width=1440, height=900, scheme='light', media='', scripts=True):
        self.send('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{'name': 'prefers-color-scheme', 'value': scheme}]
        self.send('Emulation.setEmulatedMedia', media=media, features=features)
        self.send('Emulation.setScriptExecutionDisabled', value=not scripts)

    def open(self, url):
        """Opens a page; the seconds until it was loaded and drawn."""
        if url.split('#')[0] == getattr(self, 'url', ''):
            self.run('location.hash = %s' % json.dumps(url.partition('#')[2]))
            self.run('new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))')
            return 0
        # Within a page nothing is loaded.
        self.send('Page.navigate', url='about:blank')
        self.url = url.split('#')[0]
        start = time.monotonic()
        self.send('Page.navigate', url=url)
        while self.run('location.href.startsWith(%s) && document.readyState' % json.dumps(self.url)) != 'complete':
            time.sleep(0.01)
        return time.monotonic() - start

    def shoot(self, path, whole=False):
        options = {'format': 'png', 'captureBeyondViewport': whole}
        if whole:
            size = self.send('Page.getLayoutMetrics')['cssContentSize']
            options['clip'] = {'x': 0, 'y': 0, 'width': size['width'], 'height': min(size['height'], 6000), 'scale': 1}
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.send('Page.captureScreenshot', **options)['data']))

    def close(self):
        self.send('Browser.close') if self.child.poll() is None else None
        self.child.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
