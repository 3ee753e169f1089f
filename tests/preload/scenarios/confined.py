"""Processes that have taken from themselves what a report needs: there is one all the same, or one line why not."""

import json
import os
import resource
import shutil

import harness
from harness import Skip, check, equal

LOST = "1234 byte(s) leaked in 1 allocation(s)"


def confines(weir):
    return weir.build("scenarios/programs/confines.c", ["-O0"])


def run(weir, *arguments, **how):
    result = weir.run([confines(weir), *arguments], **how)
    check(b"does not hold" not in result.stderr, f"the program failed\n{result.describe()}")
    return result


def check_reported(result, what):
    equal(result.status, 23, f"{what}: status")
    text = result.stderr.decode()
    equal(text.count(LOST), 1, f"{what}: reports\n{result.describe()}\n")
    check("no leaks" not in text, f"{what}: contradicts itself\n{text}")


def check_named(result, what):
    check_reported(result, what)
    check(" in main " in result.stderr.decode(), f"{what}: no names\n{result.describe()}")


def test_descriptors(weir):
    for what in ("descriptors-used-up", "descriptors-closed"):
        check_named(run(weir, what), what)
    check_reported(run(weir, "no-descriptors"), "no-descriptors")


def test_limits(weir):
    for what in ("file-size", "address-space"):
        check_named(run(weir, what), what)
    for what in ("data", "stack", "processes"):
        check_reported(run(weir, what), what)


def test_limits_from_outside(weir):
    for limit, kilobytes in ((resource.RLIMIT_AS, 40000), (resource.RLIMIT_DATA, 14000), (resource.RLIMIT_FSIZE, 0)):
        def prepare(limit=limit, most=kilobytes << 10):
            resource.setrlimit(limit, (most, most))
        check_reported(run(weir, "nothing", prepare=prepare), f"limit {limit} of {kilobytes} KB")


def test_refused_calls(weir):
    check_reported(run(weir, "seccomp-eperm"), "seccomp that answers EPERM")


def test_ignored_children(weir):
    check_named(run(weir, "sigchld-ignored"), "sigchld-ignored")
    rules = weir.write("rules", "leak:main\n")
    equal(run(weir, "sigchld-ignored", options=f"suppressions={rules}").status, 0, "status with a suppression")


def test_dangling_environment(weir):
    check_named(run(weir, "dangling-variable"), "dangling-variable")


def test_slow_reader(weir):
    # Enough for the pipe to be full while nobody reads.
    program = confines(weir)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 2)
        os.close(read)
        os.execve(program, [program, "nonblocking-stderr"], weir.preloaded("show_reachable=1"))
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"." * 4096)
    except BlockingIOError:
        os.close(write)
    text = b""
    while chunk := os.read(read, 512):
        text += chunk
    os.close(read)
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 23, "status")
    check(LOST.encode() in text, f"the report is cut\n{text.strip(b'.').decode()}")


def run_without_reader(weir, **more):
    read, write = os.pipe()
    os.close(read)
    program = confines(weir)
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 2)
        os.execve(program, [program, "nothing"], weir.preloaded(**more))
    os.close(write)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_no_reader(weir):
    equal(run_without_reader(weir), 23, "status")


def test_no_reader_and_no_tool(weir):
    tools = weir.tool
    weir.tool = "/bin/false"
    try:
        equal(run_without_reader(weir), 23, "status without a tool")
    finally:
        weir.tool = tools


def test_chroot(weir):
    if os.geteuid() != 0:
        raise Skip("chroot is for the superuser")
    jail = weir.fresh_directory()
    # What lies at the tool's path in there, and at its loader's, must not be executed.
    ran = os.path.join(jail, "ran")
    planted = weir.build("scenarios/programs/says_it_ran.c", ["-O0", "-static"])
    for path in (weir.tool, os.path.realpath("/lib64/ld-linux-x86-64.so.2"), "/lib64/ld-linux-x86-64.so.2"):
        inside = jail + path
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        shutil.copy(planted, inside)
        os.chmod(inside, 0o755)
    result = run(weir, "chroot", jail)
    check(not os.path.exists(ran), "a file inside of the root directory was executed")
    check_reported(result, "chroot")


def test_deadly_filters(weir):
    """What would kill is not called, and the status stays the program's own."""
    program = weir.build("scenarios/programs/seccomp.c", ["-O0"])
    for how in ("kill", "kill-more", "trap", "strict"):
        for by in ("prctl", "syscall"):
            for options in ("", "mode=guard", "mode=pass:stats=1") if harness.ALL or how == "kill" else ("",):
                native = weir.run([program, how, by], preload=False)
                equal(native.status, 5, f"{how}: status natively")
                result = weir.run([program, how, by], options)
                equal(result.status, 5, f"{how} by {by} with {options}: status\n{result.describe()}\n")
                check(b"no leaks" not in result.stderr, f"{how}: says what it has not seen\n{result.describe()}")


def test_report_under_a_filter(weir):
    program = weir.build("scenarios/programs/seccomp.c", ["-O0"])
    text = weir.run([program, "kill-more"]).stderr.decode()
    equal(text.count(LOST), 1, f"reports within what the filter allows\n{text}")


def test_waits_meet_no_child_of_ours(weir):
    program = weir.build("scenarios/programs/waits_for_any.c", ["-O0", "-pthread"])
    for way in ("waitpid", "wait3", "wait4", "waitid") if harness.ALL else ("waitpid", "waitid"):
        result = weir.run([program, way], "symbolize=0:mode=guard:on_error=continue")
        equal((result.status, result.stdout), (23, b""), f"{way}: status and output\n{result.describe()}\n")
        equal(len(result.incidents), 1, f"{way}: incidents")
        check(len(result.reports) >= 1, f"{way}: no leak report")


def test_json_of_no_check(weir):
    if os.geteuid() != 0:
        raise Skip("unmounting /proc is for the superuser")
    program = weir.build("scenarios/programs/threads_unseen.c", ["-O0", "-pthread"])
    folder = weir.fresh_directory()
    result = weir.run(["unshare", "--mount", "sh", "-c", "umount -l /proc && exec \"$@\"", "sh", program],
                      f"json_path={folder}/report.json")
    if b"unshare" in result.stderr or b"umount" in result.stderr:
        raise Skip("no namespace of mounts is to be had")
    equal(result.status, 0, "status")
    text = result.stderr.decode()
    check(text.count("no leak check: ") == 1 and "no leaks" not in text, f"not one line that says why\n{text}")
    with open(f"{folder}/report.json", encoding="utf-8") as file:
        document = json.load(file)
    equal((document["complete"], document["leaks"]), (False, []), "the JSON")


harness.main(globals())
