"""`weir run`: what it starts, and that it says so when the library could not get in."""

import os
import shutil

import harness
from harness import Skip, check, equal


def weir_run(weir, *arguments, **more):
    return weir.run([weir.tool, "run", *arguments], preload=False, **more)


def loses(weir):
    return weir.build("scenarios/programs/loses.c", ["-O0"])


def test_leak(weir):
    result = weir_run(weir, "--", loses(weir), "1x41")
    equal(result.status, 23, "status")
    equal(result.stdout, b"started\n", "stdout")
    check("41 byte(s) leaked in 1 allocation(s)" in result.stderr.decode(), result.describe())


def test_no_leak(weir):
    result = weir_run(weir, "--", loses(weir), "0x1", "exit", "6")
    equal(result.status, 6, "status")
    check("ERROR" not in result.stderr.decode(), result.describe())


def test_the_root_process_alone_says_that_there_is_nothing(weir):
    result = weir_run(weir, "--", "/bin/sh", "-c", "(:); (exit 3); /bin/true; :")
    equal(result.stderr.decode().count("weir: no leaks"), 1, f"summary lines\n{result.describe()}")


def test_program_from_path(weir):
    result = weir_run(weir, "--", "sh", "-c", "exit 4")
    equal(result.status, 4, "status")


def test_missing_program(weir):
    result = weir_run(weir, "--", "/nonexistent/program")
    check(result.status == 127 and b"/nonexistent/program" in result.stderr, result.describe())


def test_program_without_run_bit(weir):
    result = weir_run(weir, "--", weir.write("data", "text"))
    check(result.status == 126 and b"data" in result.stderr, result.describe())


def test_options_of_the_environment(weir):
    result = weir_run(weir, "--", loses(weir), "1x41", env={"WEIR_OPTIONS": "exitcode=31"})
    equal(result.status, 31, "status")


def test_preloads_are_kept(weir):
    other = weir.build("scenarios/programs/other_preload.c", ["-O0", "-shared", "-fPIC"], "other_preload.so")
    result = weir_run(weir, "--", loses(weir), "0x1", env={"LD_PRELOAD": other})
    check(b"other preload\n" in result.stdout, result.describe())


def test_another_malloc_comes_first(weir):
    other = weir.build("scenarios/programs/brings_malloc.c", ["-O1", "-shared", "-fPIC"], "brings_malloc.so")
    environment = {**weir.environment(), "LD_PRELOAD": f"{other} {weir.library}", "WEIR_OPTIONS": f"tool={weir.tool}"}
    result = weir.run([loses(weir), "1x41"], preload=False, env=environment)
    said = f"weir: malloc is that of {other}, which comes before weir's: its blocks are not seen\n"
    equal((result.status, result.stderr.decode()), (0, said), "status and what is said")


LOADER = "/lib64/ld-linux-x86-64.so.2"


def test_program_started_by_way_of_the_loader(weir):
    """It is that program whose leaks are named, and not ld.so, whose blocks are built-in suppressions."""
    program = loses(weir)
    result = weir.run([LOADER, program, "1x41"], options=f"log_path={weir.path('leaks.%e')}")
    equal(result.status, 23, "status")
    text = open(weir.path("leaks.loses"), encoding="utf-8").read()
    check("41 byte(s) leaked in 1 allocation(s)" in text and "/loses.c:" in text, text)
    check("ld-linux" not in text, text)


def test_the_loader_is_not_taken_for_a_static_program(weir):
    result = weir_run(weir, "--", LOADER, loses(weir), "1x41")
    equal(result.status, 23, f"status\n{result.describe()}")
    check("41 byte(s) leaked in 1 allocation(s)" in result.stderr.decode(), result.describe())


def test_unknown_command(weir):
    for word, says in (("rnu", "weir: no command 'rnu'; did you mean 'run'?\n"),
                       ("bogus", "weir: no command 'bogus'; there are run, options, routes, oom, hunt, check\n")):
        result = weir.run([weir.tool, word, "--", "true"], preload=False)
        equal((result.status, result.stderr.decode()), (2, says), "status and what is said")


def test_program_that_an_audit_library_looks_on_at(weir):
    """ld.so has little room for thread-local storage then, and would not start it."""
    audit = weir.build("scenarios/programs/looks_on.c", ["-O1", "-shared", "-fPIC"], "looks_on.so")
    result = weir_run(weir, "--", loses(weir), "1x41", env={"LD_AUDIT": audit})
    equal(result.status, 23, f"status\n{result.describe()}")
    check("41 byte(s) leaked in 1 allocation(s)" in result.stderr.decode(), result.describe())


def test_killed_program(weir):
    result = weir_run(weir, "--", "/bin/sh", "-c", "kill -TERM $$")
    equal(result.status, -15, "status")


def says_it_is_not_in(weir, program, *words):
    """The program runs as ever, and weir says in a line that, and why, it is not in it."""
    native = weir.run([program], preload=False)
    result = weir_run(weir, "--", program)
    equal((result.status, result.stdout), (native.status, native.stdout), "status and stdout")
    text = result.stderr.decode()
    check(text.startswith("weir: ") and any(word in text for word in words),
          f"does not say that it is {' or '.join(words)}: {text!r}")


def test_static_program(weir):
    says_it_is_not_in(weir, weir.build("scenarios/programs/keeps.c", ["-O0", "-static"], "keeps_static"), "static")


def test_static_pie_program(weir):
    program = weir.build("scenarios/programs/keeps.c", ["-O0", "-static-pie"], "keeps_static_pie")
    says_it_is_not_in(weir, program, "static")


def test_musl_program(weir):
    if not shutil.which("musl-gcc"):
        raise Skip("musl-gcc is not installed")
    program = weir.path("on_musl")
    built = harness.run_plain(["musl-gcc", os.path.join(harness.HERE, "scenarios/programs/says_hello.c"), "-o", program])
    check(built.returncode == 0, built.stderr.decode())
    says_it_is_not_in(weir, program, "musl")


def test_program_of_32_bits(weir):
    source = weir.write("small.s", ".globl _start\n_start: mov $1, %eax\n mov $7, %ebx\n int $0x80\n")
    object_file, program = weir.path("small.o"), weir.path("small")
    for command in (["as", "--32", source, "-o", object_file], ["ld", "-m", "elf_i386", object_file, "-o", program]):
        built = harness.run_plain(command)
        check(built.returncode == 0, built.stderr.decode())
    try:
        runs = harness.run_plain([program]).returncode == 7
    except OSError:  # Exec format error
        runs = False
    if not runs:
        raise Skip("this kernel does not run 32-bit programs")
    says_it_is_not_in(weir, program, "32-bit")


def test_setuid_program(weir):
    if os.geteuid() != 0:
        raise Skip("only root can make a program setuid to another user")
    program = weir.path("setuid")
    weir.fresh_directory()
    shutil.copy(weir.build("scenarios/programs/prints_ids.c", ["-O0"]), program)
    os.chown(program, 65534, 65534)
    os.chmod(program, 0o4755)
    if weir.run([program], preload=False).stdout != b"secure 1\n":
        raise Skip("this file system does not honour setuid")
    says_it_is_not_in(weir, program, "setuid")


def test_setuid_program_ignores_options(weir):
    """With the library where ld.so takes it even for setuid programs, its options are still not honoured."""
    if os.geteuid() != 0:
        raise Skip("only root can make a program setuid to another user")
    program = weir.path("setuid2")
    shutil.copy(weir.build("scenarios/programs/prints_ids.c", ["-O0"]), program)
    os.chown(program, 65534, 65534)
    os.chmod(program, 0o4755)
    os.chmod(weir.directory, 0o755)
    installed = "/usr/lib/x86_64-linux-gnu/libweir-test.so"
    shutil.copy(weir.library, installed)
    os.chmod(installed, 0o4755)
    try:
        environment = weir.environment(LD_PRELOAD="libweir-test.so", WEIR_OPTIONS="log_path=/tmp/of-setuid:strict=1:x=y")
        result = harness.run_plain([program], env=environment)
        equal((result.returncode, result.stderr), (0, b""), "status and stderr")
        check(not os.path.exists("/tmp/of-setuid"), "a setuid program wrote where its caller said")
        if result.stdout != b"secure 1\n":
            raise Skip("this file system does not honour setuid")
    finally:
        os.remove(installed)


def test_file_capabilities(weir):
    if os.geteuid() != 0 or not shutil.which("setcap"):
        raise Skip("needs root and setcap")
    program = weir.path("capable")
    shutil.copy(weir.build("scenarios/programs/prints_ids.c", ["-O0"]), program)
    if harness.run_plain(["setcap", "cap_net_raw+ep", program]).returncode != 0:
        raise Skip("this file system keeps no capabilities")

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)
    weir.fresh_directory()
    result = weir.run([weir.tool, "run", "--", program], preload=False, prepare=become_nobody)
    check(result.stdout == b"secure 1\n" and result.stderr.startswith(b"weir: "), result.describe())


def test_script_is_run_by_its_interpreter(weir):
    script = weir.write("script", "#!/bin/sh\necho from a script\nexit 3\n")
    os.chmod(script, 0o755)
    result = weir_run(weir, "--", script)
    equal((result.status, result.stdout), (3, b"from a script\n"), "status and stdout")


harness.main(globals())
