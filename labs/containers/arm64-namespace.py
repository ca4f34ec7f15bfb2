"""Runs a command as root of a user namespace in which qemu also runs arm64 programs. The machine itself isn't changed.

    arm64-namespace.py QEMU COMMAND [ARGUMENT...]

Since Linux 6.7, each user namespace has its own binfmt_misc (https://docs.kernel.org/admin-guide/binfmt-misc.html). The flags
open the interpreter now (F), and support programs that can be executed but not read (O, C). Exit code 77: this kernel can't.
"""

import ctypes
import os
import sys

CLONE_NEWNS, CLONE_NEWUSER, MS_REC, MS_PRIVATE = 0x00020000, 0x10000000, 0x4000, 0x40000
MAGIC = rb"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = rb"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(libc, name)(*args) != 0:
        print(f"arm64-namespace: {name}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        os._exit(77)


def child(qemu, command, ready, mapped):
    call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    os.write(ready, b".")
    os.read(mapped, 1)
    os.setgid(0)
    os.setuid(0)
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    call("mount", b"binfmt_misc", b"/proc/sys/fs/binfmt_misc", b"binfmt_misc", 0, None)
    with open("/proc/sys/fs/binfmt_misc/register", "wb", buffering=0) as register:
        register.write(b":qemu-aarch64:M::" + MAGIC + b":" + MASK + b":" + qemu.encode() + b":OCF")
    os.execvp(command[0], command)


ready_read, ready_write = os.pipe()
mapped_read, mapped_write = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(ready_read)
    os.close(mapped_write)
    child(sys.argv[1], sys.argv[2:], ready_write, mapped_read)
os.close(ready_write)
if os.read(ready_read, 1):
    for kind in ("uid_map", "gid_map"):
        with open(f"/proc/{pid}/{kind}", "w") as file:
            file.write("0 0 65536\n")
    os.write(mapped_write, b".")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
