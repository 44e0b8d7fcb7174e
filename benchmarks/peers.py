"""The same work by syslog-ng and rsyslog: tail JSON files, parse, write anew, send or write.

They come from PATH, else from Debian's packages, which are unpacked and not installed: their packages exclude each
other. Where neither can be had, `Missing` says why.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

PACKAGES = (
    *("syslog-ng-core", "syslog-ng-mod-http", "rsyslog", "libestr0", "libfastjson4", "liblognorm5", "libivykis0"),
    *("libnet1", "libwrap0", "libcurl4", "libpcre3", "libjson-c5"),
)
PATIENCE_S = 60.0

_SYSLOG_NG = """@version: 3.38
options { stats-freq(0); use-dns(no); };
source s { wildcard-file(base-dir("{logs}") filename-pattern("*.jsonl") flags(no-parse) log-fetch-limit(1000)
  log-iw-size(100000) max-files(100)); };
parser p { json-parser(prefix(".j.")); };
destination d { http(url("{url}") method("POST") batch-lines(5000) batch-bytes(2Mb) delimiter("\\n") workers(1)
  body("$(format-json --rekey .j.* --shift-levels 2 --key .j.*)")); };
log { source(s); parser(p); destination(d); flags(flow-control); };
"""
_RSYSLOG = """module(load="imfile" mode="inotify") module(load="mmjsonparse")
global(workDirectory="{state}")
template(name="whole" type="list") { property(name="$!all-json-plain") constant(value="\\n") }
ruleset(name="r" queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="1024") {
  action(type="mmjsonparse" cookie="")
  action(type="omfile" file="{state}/out" template="whole" ioBufferSize="256k")
}
input(type="imfile" file="{logs}/*.jsonl" tag="x" ruleset="r")
"""


class Missing(Exception):
    """A peer cannot be had here."""


class Spent(NamedTuple):
    """What a run took."""

    cpu_s: float
    wall_s: float


class Peers:
    """Both programs, unpacked below `directory` where PATH has them not."""

    def __init__(self, directory: str) -> None:
        self._root = ""
        if not (shutil.which("syslog-ng") and shutil.which("rsyslogd")):
            self._root = directory
            if not os.path.exists(f"{directory}/usr/sbin/rsyslogd"):
                _unpack(directory)

    def syslog_ng(self, logs: str, state: str, url: str, is_done: Callable[[], bool]) -> Spent:
        """Files to HTTP."""
        config = _written(f"{state}/syslog-ng.conf", _SYSLOG_NG, logs=logs, url=url)
        modules = glob.glob(f"{self._root}/usr/lib/**/syslog-ng/3.*", recursive=True) if self._root else []
        where = [*(f"--module-path={path}" for path in modules), "-R", f"{state}/persist", "-p", f"{state}/pid"]
        program = self._program("syslog-ng")
        return self._run([program, "-F", "--no-caps", "-f", config, *where, "-c", f"{state}/control"], state, is_done)

    def rsyslog(self, logs: str, state: str, lines: int) -> Spent:
        """Files to a file: Debian packages no HTTP output."""
        config = _written(f"{state}/rsyslog.conf", _RSYSLOG, logs=logs, state=state)
        command = [self._program("rsyslogd"), "-n", "-f", config, "-i", f"{state}/pid"]
        return self._run(command, state, lambda: _lines_in(f"{state}/out", lines) >= lines)

    def _program(self, name: str) -> str:
        return f"{self._root}/usr/sbin/{name}" if self._root else str(shutil.which(name))

    def _run(self, command: list[str], state: str, is_done: Callable[[], bool]) -> Spent:
        environment = dict(os.environ)
        if self._root:
            libraries = {os.path.dirname(path) for path in glob.glob(f"{self._root}/**/*.so*", recursive=True)}
            environment["LD_LIBRARY_PATH"] = ":".join(sorted(libraries))
            environment["RSYSLOG_MODDIR"] = f"{self._root}/usr/lib/x86_64-linux-gnu/rsyslog"
        began = time.perf_counter()
        with open(f"{state}/said", "wb") as said:
            process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        while not is_done():
            if process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                process.kill()
                process.wait()
                raise Missing(f"{os.path.basename(command[0])} did not do it: {_tail(f'{state}/said')}")
            time.sleep(0.1)
        wall_s = time.perf_counter() - began
        process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        return Spent(usage.ru_utime + usage.ru_stime, wall_s)


def _unpack(directory: str) -> None:
    os.makedirs(directory, exist_ok=True)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Missing("neither installed, nor Debian's apt-get to get them with")
    try:
        quiet = {"cwd": directory, "check": True, "capture_output": True, "timeout": 120}
        subprocess.run(["apt-get", "download", *PACKAGES], **quiet)  # type: ignore[call-overload]
        for package in glob.glob(f"{directory}/*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, directory], **quiet)  # type: ignore[call-overload]
    except (subprocess.SubprocessError, OSError) as error:
        raise Missing(f"Debian's packages cannot be had: {error}") from error


def _written(path: str, template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    with open(path, "w") as file:
        file.write(template)
    return path


def _lines_in(path: str, most: int) -> int:
    """Lines of a file; looked into only once it is large enough to be whole."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < most * 100:
                return 0
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    except FileNotFoundError:
        return 0


def _tail(path: str) -> str:
    with open(path, errors="replace") as file:
        return " ".join(file.read()[-300:].split())
