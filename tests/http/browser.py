#!/usr/bin/env python3
"""Opens the dashboard of the sample node in headless Chromium, light and dark, 1280 and 400 px wide, and complains.

    tests/http/browser.py PREVIEW_PROGRAM [FOLDER_FOR_SCREENSHOTS]

The page must load without errors, ask nobody but the node, fit the width, name its controls, follow live events, and
come back after the node was away. Chromium is driven through its debugging pipe: JSON messages that end in NUL.
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Browser:
    def __init__(self, profile):
        command_read, self.command = os.pipe()
        self.answer, answer_write = os.pipe()

        def give_pipes():  # the browser reads 3 and writes 4
            a, b = os.dup(command_read), os.dup(answer_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
             "--disable-background-networking", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + profile],
            preexec_fn=give_pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(command_read)
        os.close(answer_write)
        self.number, self.buffer, self.events = 0, b"", []

    def receive(self, until):
        """Handles one message, or returns None at the time `until`."""
        while b"\0" not in self.buffer:
            if not select.select([self.answer], [], [], max(0, until - time.monotonic()))[0]:
                return None
            chunk = os.read(self.answer, 1 << 20)
            if not chunk:
                raise RuntimeError("Chromium ended")
            self.buffer += chunk
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.command, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + 60
        while True:
            answer = self.receive(until)
            if answer is None:
                raise RuntimeError("no answer to " + method)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]

    def evaluate(self, session, expression):
        result = self.call("Runtime.evaluate", session, expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(expression + ": " + json.dumps(result["exceptionDetails"])[:400])
        return result["result"].get("value")

    def wait(self, session, expression, seconds=30):
        until = time.monotonic() + seconds
        while not self.evaluate(session, expression):
            if time.monotonic() > until:
                return False
            self.receive(time.monotonic() + 0.1)
        return True

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start_node(preview, port="0"):
    node = subprocess.Popen([preview, "--live", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return node, int(node.stdout.readline())


def check(browser, port, width, theme, folder, problems):
    where = "%s %d px: " % (theme, width)
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.call(domain + ".enable", session)
    browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=900, deviceScaleFactor=1,
                 mobile=False)
    browser.call("Emulation.setEmulatedMedia", session,
                 features=[{"name": "prefers-color-scheme", "value": theme}])
    browser.events.clear()
    origin = "http://127.0.0.1:%d/" % port
    browser.call("Page.navigate", session, url=origin)
    drawn = ("document.querySelectorAll('.run').length === 3 && document.querySelectorAll('.curve').length >= 3 &&"
             " document.querySelectorAll('#peers tbody tr').length === 4 && document.querySelectorAll('#votes .card').length"
             " === 3 && document.querySelector('.link.live') !== null")
    if not browser.wait(session, drawn):
        problems.append(where + "the page is not drawn: " + str(browser.evaluate(session, "document.body.innerText")))
    if browser.evaluate(session, "/\\[object|undefined|NaN/.test(document.body.innerText)"):
        problems.append(where + "a value is shown as code")
    wide = browser.evaluate(session, "document.documentElement.scrollWidth - window.innerWidth")
    if wide > 0:
        problems.append(where + "the page is %d px too wide" % wide)
    round_text = "[...document.querySelectorAll('.awaited')].map(n => n.textContent).find(t => t.startsWith('Round'))"
    before = browser.evaluate(session, round_text)
    if not browser.wait(session, "%s !== %s" % (round_text, json.dumps(before)), 15):
        problems.append(where + "the round does not move: " + str(before))
    outside = browser.evaluate(session, """[...document.querySelectorAll('path.curve')].filter(path => {
        const grid = path.parentNode.querySelector('line.grid').getBBox(), box = path.getBBox();
        return box.x < grid.x - 1 || box.x + box.width > grid.x + grid.width + 1; }).length""")
    if outside:
        problems.append(where + "%d curves leave their grid" % outside)
    nameless = browser.evaluate(session, """[...document.querySelectorAll('button, a, input, svg, progress')].filter(
        n => !(n.textContent.trim() || n.getAttribute('aria-label') || n.labels?.length)).length""")
    if nameless:
        problems.append(where + "%d controls or pictures have no name" % nameless)
    # The keyboard reaches every button: nothing is taken out of the order.
    if browser.evaluate(session, "[...document.querySelectorAll('button')].some(n => n.tabIndex < 0)"):
        problems.append(where + "a button cannot be reached by keyboard")
    for event in browser.events:
        parameters = event["params"]
        if event["method"] == "Runtime.exceptionThrown":
            problems.append(where + "exception: " + json.dumps(parameters["exceptionDetails"])[:400])
        if event["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            problems.append(where + parameters["entry"]["text"])
        if event["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            problems.append(where + "console: " + json.dumps(parameters["args"])[:400])
        if event["method"] == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if not url.startswith(origin) and not url.startswith("data:"):
                problems.append(where + "asks somebody else: " + url)
    if folder:
        size = browser.call("Page.getLayoutMetrics", session)["cssContentSize"]
        picture = browser.call("Page.captureScreenshot", session, captureBeyondViewport=True,
                               clip={"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1})
        with open(os.path.join(folder, "dashboard-%s-%d.png" % (theme, width)), "wb") as file:
            file.write(base64.b64decode(picture["data"]))
    return target, session


def main():
    preview = sys.argv[1]
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    if folder:
        os.makedirs(folder, exist_ok=True)
    problems = []
    profile = tempfile.mkdtemp(prefix="hansa-browser-")
    node, port = start_node(preview)
    browser = Browser(profile)
    try:
        for width in (1280, 400):
            for theme in ("light", "dark"):
                target, session = check(browser, port, width, theme, folder, problems)
                if (width, theme) != (400, "dark"):
                    browser.call("Target.closeTarget", targetId=target)
        # The node goes away and comes back at the same address: the page says so and recovers by itself.
        node.stdin.close()
        node.wait()
        if not browser.wait(session, "document.querySelector('.link.live') === null"):
            problems.append("the page does not notice that the node is away")
        node, _ = start_node(preview, str(port))
        if not browser.wait(session, "document.querySelector('.link.live') !== null"):
            problems.append("the page does not come back with the node")
    finally:
        browser.close()
        node.stdin.close()
        node.wait()
        shutil.rmtree(profile, ignore_errors=True)
    for problem in problems:
        print(problem)
    print("%d problems" % len(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
