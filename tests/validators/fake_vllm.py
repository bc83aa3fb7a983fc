"""Stands in for ``vllm`` in tests of the watching: a small HTTP server that behaves as asked.

The behaviours are what ``--served-model-name`` says, joined by ``+``: ``good``, ``dies-at-start``, ``dies-on-request``
(false-ready), ``engine-dies-on-request`` (answers 500, stays up), ``silent`` (never ready, idle), ``empty-answer``,
``refuses-request`` (answers 400), ``errs-in-log`` (answers, and logs a traceback), ``loads-nothing``, ``shimmed``
(something stands in for a kernel), ``stubborn`` (its child ignores SIGTERM and leaves the process group), ``chatty``
(logs secrets).
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
behaviour = options["--served-model-name"]
asked = behaviour.split("+")
port = int(options["--port"])


def log(text):
    print(text, flush=True)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *parts):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(200, {"data": [{"id": behaviour, "max_model_len": 512}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "dies-on-request" in asked:
            log("RuntimeError: Unsupported CPU attention configuration: head_dim=16")
            os._exit(1)
        if "engine-dies-on-request" in asked:
            log("vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.")
            self.answer(500, {"error": "EngineCore encountered an issue."})
            return
        if "refuses-request" in asked:
            self.answer(400, {"error": "the prompt is too long"})
            return
        if "errs-in-log" in asked:
            log("Traceback (most recent call last):\nOddError: what")
        if "prompt_logprobs" in body:
            self.answer(200, {"choices": [log_probabilities(body["prompt"], body["max_tokens"])]})
            return
        text = "" if "empty-answer" in asked else "hello"
        self.answer(200, {"choices": [{"text": text, "message": {"content": text}}]})


def log_probabilities(prompt, new_tokens):
    """Each token is as likely as any other, and the next one is always 9: see REFERENCE of fake_engine.py."""
    return {
        "prompt_logprobs": [None, *({str(token): {"logprob": -1.0}} for token in prompt[1:])],
        "token_ids": [9] * new_tokens,
        "logprobs": {"token_logprobs": [-1.0] * new_tokens},
    }


if "stubborn" in asked:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
if "dies-at-start" in asked:
    log("ValueError: Model architectures ['NovaForCausalLM'] are not supported for now.")
    sys.exit(1)
if "silent" in asked:
    time.sleep(600)
if "shimmed" in asked:
    log("scaffold shim in use: cpu-router")
if "chatty" in asked:
    log("args: {'api_key': 'sk-abcdefghijklmnop', 'hf_token': 'hf_abcdefghijklmnop'}")
log("INFO Initializing a V1 LLM engine (v0.32.0) with config: model='/m', dtype=torch.bfloat16, seed=0")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
if "loads-nothing" not in asked:
    log("INFO Loading weights took 0.02 seconds")
log("INFO:     Application startup complete.")
HTTPServer(("127.0.0.1", port), Handler).serve_forever()
