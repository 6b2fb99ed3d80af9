# What Ansible does, one line per host and task as it happens: the result, the host, the task. What failed goes to standard error
# with what the module said.
from __future__ import annotations

import ctypes
import json
import os
import signal

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: quarterdeck
type: stdout
short_description: one line per host and task
description: [one line per host and task]
"""

SAID_LINES_MAX = 40

PR_SET_PDEATHSIG = 1
ANSIBLE = os.getpid()
IS_WORKER = False


def end_with_ansible():
    # Its workers lead sessions of their own, so that nothing sent to its group reaches them, and it does not always pass on what
    # it got before it goes. The kernel tells them; by INT, for a second TERM amid the first would leave their ssh alone.
    global IS_WORKER
    first, IS_WORKER = not IS_WORKER, True
    if first and ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT) == 0 and os.getppid() != ANSIBLE:
        os.kill(os.getpid(), signal.SIGINT)


os.register_at_fork(after_in_child=end_with_ansible)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "quarterdeck"

    def say(self, word, host, what, bad=False):
        self._display.display("%-11s  %s  %s" % (word, host, what), stderr=bad)

    def told(self, word, result, bad=False):
        result_of = result._result
        item = result_of.get("_ansible_item_label", result_of.get("item"))
        name = result._task.get_name().strip()
        self.say(word, result._host.get_name(), name if item is None else "%s: %s" % (name, item), bad)
        if not bad or "results" in result_of:
            return
        lines = []
        for part in ("msg", "module_stderr", "stderr", "module_stdout", "stdout"):
            value = result_of.get(part)
            if value:
                lines += (value if isinstance(value, str) else json.dumps(value, default=str)).strip().splitlines()
        for line in lines[:SAID_LINES_MAX]:
            self._display.display("             " + line, stderr=True)

    def v2_playbook_on_play_start(self, play):
        self._display.display("play         " + play.get_name().strip())

    def v2_playbook_on_no_hosts_matched(self):
        self._display.display("skipped      none of this run's hosts is meant by this play")

    def v2_runner_on_ok(self, result):
        self.took_part()
        # Of a loop every item was told already.
        if "results" not in result._result:
            self.told("changed" if result._result.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.took_part()
        self.told("ignored" if ignore_errors else "failed", result, bad=True)

    def v2_runner_on_unreachable(self, result):
        self.told("unreachable", result, bad=True)

    def v2_runner_on_skipped(self, result):
        self.took_part()
        self.told("skipped", result)

    def v2_runner_retry(self, result):
        self.told("again", result)

    def v2_runner_item_on_ok(self, result):
        self.told("changed" if result._result.get("changed") else "ok", result)

    def v2_runner_item_on_failed(self, result):
        self.told("failed", result, bad=True)

    def v2_runner_item_on_skipped(self, result):
        self.told("skipped", result)

    def v2_playbook_on_stats(self, stats):
        for host in sorted(set(os.environ["QUARTERDECK_HOSTS"].split()) | set(stats.processed)):
            if host not in stats.processed:
                self.say("left alone", host, "no play meant it")
                continue
            of = stats.summarize(host)
            parts = [(of[key], word) for key, word in (
                ("ok", "ok"), ("changed", "changed"), ("skipped", "skipped"), ("ignored", "ignored"),
                ("rescued", "rescued"), ("failures", "failed"), ("unreachable", "unreachable"))]
            self.say("in all", host, ", ".join("%d %s" % part for part in parts if part[0]) or "nothing",
                     bool(of["failures"] or of["unreachable"]))

    def took_part(self):
        open(os.environ["QUARTERDECK_PROOF"], "a").close()
