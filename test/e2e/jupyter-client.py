"""What jupyter_client's own manager and client do with a kernel; jupyter-client.test.ts runs it and reads the JSON."""

import json

from jupyter_client.manager import start_new_kernel

TIMEOUT = 60

km, kc = start_new_kernel(kernel_name="ptlab")
seen = {}


def run(code, **options):
    """Runs a cell as a console does; returns its results as text, and its reply."""
    results = []

    def keep(message):
        if message["msg_type"] == "execute_result":
            results.append(message["content"]["data"]["text/plain"])

    reply = kc.execute_interactive(code, output_hook=keep, timeout=TIMEOUT, **options)
    return results, reply["content"]


def answer(message):
    seen["question"] = message["content"]
    kc.input("forty-two")


ASK = 'import { input } from "ptlab/jupyter";\nawait input("say: ")'
seen["answered"] = run(ASK, allow_stdin=True, stdin_hook=answer)[0]
seen["refused"] = run(ASK, allow_stdin=False)[1]["ename"]

kc.execute("console.log('busy'); while (true) {}")
while kc.get_iopub_msg(timeout=TIMEOUT)["msg_type"] != "stream":
    pass
km.interrupt_kernel()
seen["interrupted"] = kc.get_shell_msg(timeout=TIMEOUT)["content"]["ename"]

run("let before = 1;")
km.restart_kernel()
kc.wait_for_ready(timeout=TIMEOUT)
restarted = run("before")[1]
seen["restarted"] = [restarted["ename"], restarted["execution_count"]]
kc.history(hist_access_type="tail", n=2, raw=True, output=False)
while (message := kc.get_shell_msg(timeout=TIMEOUT))["msg_type"] != "history_reply":
    pass
seen["history"] = message["content"]["history"]

kc.shutdown()
seen["shutdown"] = kc.get_control_msg(timeout=TIMEOUT)["content"]
kc.stop_channels()
km.shutdown_kernel()
seen["alive"] = km.is_alive()
print(json.dumps(seen))
