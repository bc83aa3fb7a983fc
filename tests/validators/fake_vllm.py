"""Stands in for ``vllm`` in tests of the watching: a small HTTP server that behaves as asked.

The behaviours are what ``--served-model-name`` says, joined by ``+``:

- at the start: ``dies-at-start``, ``silent`` (never ready, idle), ``loads-nothing``, ``skips-weights`` (a warning),
  ``no-room`` (the KV cache is too small for more than 1,000 tokens), ``eager-cures`` (fails unless it is eager);
- processes: ``spawns`` (an engine and two workers with vLLM's titles and shared memory, one in a session of its own),
  ``worker-dies`` (the first worker is killed two seconds after it is there), ``worker-dies-on-request``, ``stubborn``
  (its child ignores SIGTERM and leaves the process group);
- requests: ``dies-on-request`` (false-ready), ``engine-dies-on-request`` (answers 500, stays up; an engine that it
  spawned is killed a moment later), ``empty-answer``,
  ``refuses-request`` (answers 400), ``hangs-on-request``, ``hangs-later`` (the second one),
  ``one-of-many-fails``;
- the rest: ``good``, ``errs-in-log`` (answers, and logs a traceback), ``shimmed`` (something stands in for a kernel),
  ``chatty`` (logs secrets), ``lists-another`` (another name), ``drafts`` and ``drafts-badly`` (metrics).
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

if sys.argv[1:3] == ["bench", "serve"]:  # a name with `errs` in it answers no request
    words = sys.argv[3:]
    given = {word: words[place + 1] for place, word in enumerate(words[:-1]) if word.startswith("--")}
    done = 0 if "errs" in given["--served-model-name"] else int(given["--num-prompts"])
    result = {"completed": done, "failed": 0, "output_throughput": 12.5 * done, "mean_ttft_ms": 0.00031, "ttfts": []}
    Path(given["--result-dir"], given["--result-filename"]).write_text(json.dumps(result))
    sys.exit()
options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
behaviour = options["--served-model-name"]
asked = behaviour.split("+")
port = int(options["--port"])
answered = [0]


def log(text):
    print(text, flush=True)


def start(title, code, session=False):
    """Start a process with a title of vLLM's."""
    env = {**os.environ, "PYTHONHOME": sys.base_prefix}  # a title tells no interpreter where its library is
    return subprocess.Popen([title, "-c", code], executable=sys.executable, start_new_session=session, env=env)


WORKER = """
import mmap, os, time
path = "/dev/shm/psm_fake_{tag}_{rank}"
with open(path, "w+b") as segment:
    segment.write(b"0" * 4096)
    segment.flush()
    memory = mmap.mmap(segment.fileno(), 4096)
time.sleep(600)
"""
ENGINE = """
import subprocess, sys, time
for title, code, session in {workers!r}:
    subprocess.Popen([title, "-c", code], executable={python!r}, start_new_session=session)
time.sleep(600)
"""


def spawn():
    """Start what vLLM starts at tensor-parallel 2, with segments named after this process."""
    workers = [(f"VLLM::Worker_TP{rank}", WORKER.format(tag=os.getpid(), rank=rank), rank == 1) for rank in range(2)]
    return start("VLLM::EngineCore", ENGINE.format(workers=workers, python=sys.executable))


def first_worker():
    """Return the id of the first worker once it has its segment, None before."""
    own = f"psm_fake_{os.getpid()}_0".encode()
    for entry in Path("/proc").iterdir():
        try:
            title = (entry / "cmdline").read_bytes().split(b"\0")[0]
            if title == b"VLLM::Worker_TP0" and own in (entry / "maps").read_bytes():
                return int(entry.name)
        except (OSError, ValueError):
            continue
    return None


def kill_worker():
    """Kill the first worker, as the kernel does when memory is short: two seconds after it is there, or later.

    Workers and their segments are looked for once a second. On a busy machine one starts slowly, and is found slowly.
    """
    started = time.monotonic()
    while (worker := first_worker()) is None and time.monotonic() < started + 300:
        time.sleep(0.1)
    time.sleep(max(2, 2 * (time.monotonic() - started)))
    if worker is not None:
        os.kill(worker, signal.SIGKILL)


class Handler(StreamRequestHandler):
    """One request of HTTP/1.0 a connection: ``http.server`` takes twice as long to import as all else here."""

    def handle(self):
        words = self.rfile.readline().decode().split()
        if not words:  # somebody only looked whether there is a server
            return
        method, self.path, _ = words
        headers = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if method == "GET":
            self.get()
        else:
            self.post(json.loads(self.rfile.read(int(headers["content-length"]))))

    def answer(self, status, body):
        kind, text = ("text/plain", body) if isinstance(body, str) else ("application/json", json.dumps(body))
        data = text.encode()
        head = f"HTTP/1.0 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        self.wfile.write(head.encode() + data)

    def get(self):
        if self.path == "/metrics":
            accepted = 3 * answered[0] if "drafts" in asked else 0
            drafted = 4 * answered[0] if {"drafts", "drafts-badly"} & set(asked) else 0
            self.answer(
                200,
                f'vllm:spec_decode_num_draft_tokens_total{{engine="0"}} {drafted}.0\n'
                f'vllm:spec_decode_num_accepted_tokens_total{{engine="0"}} {accepted}.0\n'
                'vllm:num_preemptions_total{engine="0"} 0.0\n',
            )
            return
        self.answer(200, {"data": [{"id": "another" if "lists-another" in asked else behaviour, "max_model_len": 512}]})

    def post(self, body):
        answered[0] += 1
        if "dies-on-request" in asked:
            log("RuntimeError: Unsupported CPU attention configuration: head_dim=16")
            os._exit(1)
        if "engine-dies-on-request" in asked:
            log("vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.")
            self.answer(500, {"error": "EngineCore encountered an issue."})
            if engine is not None:
                time.sleep(0.2)
                engine.kill()
            return
        if "worker-dies-on-request" in asked:
            kill_worker()
            time.sleep(600)
        if "hangs-on-request" in asked or ("hangs-later" in asked and answered[0] > 1):
            time.sleep(600)
        if "refuses-request" in asked or "--refuse" in options or ("one-of-many-fails" in asked and answered[0] == 5):
            self.answer(400, {"error": {"message": "the prompt is too long"}})
            return
        if "errs-in-log" in asked:
            log("Traceback (most recent call last):\nOddError: what")
        if "prompt_logprobs" in body:
            self.answer(200, {"choices": [log_probabilities(body["prompt"], body["max_tokens"])]})
            return
        text = "" if "empty-answer" in asked else "hello"
        content = body.get("messages", [{}])[0].get("content", "")
        pictures = [part for part in content if isinstance(part, dict) and "image_url" in part]
        self.answer(
            200,
            {
                "choices": [{"text": text, "message": {"content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 7 + 16 * len(pictures), "completion_tokens": 1},
            },
        )


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
engine = spawn() if {"spawns", "worker-dies", "worker-dies-on-request"} & set(asked) else None
if "worker-dies" in asked:
    threading.Thread(target=kill_worker).start()
    log("(APIServer pid=1) INFO waits for its workers")
    time.sleep(600)
if "dies-at-start" in asked:
    log("ValueError: Model architectures ['NovaForCausalLM'] are not supported for now.")
    sys.exit(1)
if "eager-cures" in asked and "--enforce-eager" not in sys.argv:
    log("torch._dynamo.exc.Unsupported: an operation that is not traced, at 0x7f1234")
    sys.exit(1)
if "no-room" in asked and int(options["--max-model-len"]) > 1000:
    log("ValueError: To serve at least one request with the model's max seq len, KV cache is needed, larger than")
    log("the available KV cache memory. Based on the available memory, the estimated maximum model length is 1000. Try")
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
if "skips-weights" in asked:
    log("WARNING Parameter layers.0.gate.bias not found in params_dict, skip loading")
log("INFO GPU KV cache size: 16,000 tokens")
ThreadingTCPServer.allow_reuse_address = ThreadingTCPServer.daemon_threads = True
ThreadingTCPServer.request_queue_size = 128
server = ThreadingTCPServer(("127.0.0.1", port), Handler)  # as uvicorn: the port is there before the line that says so
log("INFO:     Application startup complete.")
server.serve_forever()
