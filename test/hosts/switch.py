"""Hosts that are network namespaces, and the switch between them; network.ts starts it and tells it what to do.

The kernel may have no netem, so frames go through this process: each host has one TAP device, and each port a delay, a loss
rate and an off switch for either direction ("out": from the host, "in": to it). All MAC addresses are known beforehand, as
behind a router: what is sent to a dead host vanishes, and nobody is told.

Namespaces have no names: they live by this process's file descriptors alone, and network.ts enters them through /proc. So
two runs never collide, and when this process ends, in whatever way, namespaces and devices are gone. It ends at the end of
its stdin, that is with whoever started it, and kills all processes in its namespaces first.

Commands come as JSON, one a line, and are answered in order, each with one line, {"error": text} if it failed:
  {"do": "boot", "host": N}              a new namespace with the address of host N: {"fd": its descriptor here}
  {"do": "set", "host": N, "out"|"in": {"delay": ms, "loss": 0-1, "on": bool}}
  {"do": "kill", "host": N}              power loss: the port is off, then all processes there are killed
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP_WITHOUT_HEADER = 0x1002
MOST_HOSTS = 20
MOST_FRAMES_A_TURN = 64
MAX_FRAME = 65536

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def mac(number):
    return f"02:00:00:00:00:{number:02x}"


def address(number):
    return f"10.77.0.{number}"


class Direction:
    def __init__(self):
        self.delay = 0.0
        self.loss = 0.0
        self.on = True

    def set(self, delay=None, loss=None, on=None):
        if delay is not None:
            self.delay = delay / 1000
        if loss is not None:
            self.loss = loss
        if on is not None:
            self.on = on

    def loses(self):
        return not self.on or (self.loss > 0 and random.random() < self.loss)


class Host:
    def __init__(self, number, home):
        self.number = number
        self.directions = {"out": Direction(), "in": Direction()}
        check(libc.unshare(CLONE_NEWNET))
        try:
            self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
            self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH", b"eth0", IFF_TAP_WITHOUT_HEADER))
            self.configure()
        finally:
            check(libc.setns(home, CLONE_NEWNET))

    def configure(self):
        try:
            with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w") as file:
                file.write("1")
        except OSError:
            pass  # A kernel without IPv6.
        neighbours = [n for n in range(1, MOST_HOSTS + 1) if n != self.number]
        lines = [
            "link set lo up",
            f"link set eth0 address {mac(self.number)}",
            f"addr add {address(self.number)}/24 dev eth0",
            "link set eth0 up",
            *(f"neigh add {address(n)} lladdr {mac(n)} nud permanent dev eth0" for n in neighbours),
        ]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, stdout=sys.stderr)

    def processes(self):
        me = os.fstat(self.namespace)
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                its = os.stat(f"/proc/{name}/ns/net")
            except OSError:
                continue  # It has ended.
            if (its.st_dev, its.st_ino) == (me.st_dev, me.st_ino):
                yield int(name)

    def kill(self, home):
        """Its connections must not outlive it for long: what they still send, nobody gets."""
        check(libc.setns(self.namespace, CLONE_NEWNET))
        try:
            with open("/proc/sys/net/ipv4/tcp_orphan_retries", "w") as file:
                file.write("1")
        finally:
            check(libc.setns(home, CLONE_NEWNET))
        while pids := list(self.processes()):
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.002)
        os.close(self.tap)
        os.close(self.namespace)


class Switch:
    def __init__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.hosts = {}
        self.under_way = []  # A heap of (when, sequence number, host, frame).
        self.sequence = 0
        self.input = b""

    def run(self):
        os.set_blocking(0, False)
        while True:
            now = time.monotonic()
            while self.under_way and self.under_way[0][0] <= now:
                _, _, host, frame = heapq.heappop(self.under_way)
                self.deliver(host, frame)
            wait = max(0, self.under_way[0][0] - time.monotonic()) if self.under_way else None
            taps = {host.tap: host for host in self.hosts.values()}
            readable, _, _ = select.select([0, *taps], [], [], wait)
            for fd in readable:
                if fd in taps:
                    self.receive(taps[fd])
            if 0 in readable and not self.read_commands():
                return

    def receive(self, host):
        out = host.directions["out"]
        for _ in range(MOST_FRAMES_A_TURN):
            try:
                frame = os.read(host.tap, MAX_FRAME)
            except OSError:
                return
            target = self.hosts.get(frame[5])
            # Group addresses are for nobody here.
            if frame[0] & 1 or target is None or out.loses():
                continue
            delay = out.delay + target.directions["in"].delay
            if delay == 0:
                self.deliver(target, frame)
                continue
            self.sequence += 1
            heapq.heappush(self.under_way, (time.monotonic() + delay, self.sequence, target, frame))

    def deliver(self, host, frame):
        # It may have been booted anew while the frame was under way.
        if self.hosts.get(host.number) is not host or host.directions["in"].loses():
            return
        try:
            os.write(host.tap, frame)
        except OSError:
            pass

    def read_commands(self):
        try:
            chunk = os.read(0, MAX_FRAME)
        except BlockingIOError:
            return True
        self.input += chunk
        *lines, self.input = self.input.split(b"\n")
        for line in lines:
            try:
                answer = self.obey(json.loads(line))
            except (OSError, subprocess.CalledProcessError) as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)
        return chunk != b""

    def obey(self, command):
        number = command["host"]
        if command["do"] == "boot":
            self.hosts[number] = Host(number, self.home)
            return {"fd": self.hosts[number].namespace}
        host = self.hosts[number]
        if command["do"] == "set":
            for name, direction in host.directions.items():
                direction.set(**command.get(name, {}))
        else:
            del self.hosts[number]
            host.kill(self.home)
        return {}

    def close(self):
        for host in self.hosts.values():
            host.kill(self.home)


def main():
    # Ctrl-C is for whoever started this; the end of stdin follows.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    try:
        # A network does not wait for a processor.
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        pass
    switch = Switch()
    try:
        switch.run()
    finally:
        switch.close()


main()
