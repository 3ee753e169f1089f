"""java: a virtual machine with many threads, its own signal handlers and stacks that are none of libc's."""

import shutil

import harness
from harness import Skip
from twins import twins

SCRIPT = """
import java.util.*; import java.util.concurrent.*; import java.util.stream.*; import java.util.zip.*;
public class Script {
  static long work(int n) { return IntStream.range(0, n).mapToObj(i -> "x" + i).filter(s -> s.length() % 2 == 0).count(); }
  public static void main(String[] arguments) throws Exception {
    var pool = Executors.newFixedThreadPool(8); var results = new ArrayList<Future<Long>>();
    for (int i = 0; i < 40; i++) { final int n = i * 2000; results.add(pool.submit(() -> work(n))); }
    long sum = 0; for (var r : results) sum += r.get(); pool.shutdown(); System.out.println(sum);
    byte[] data = new byte[1 << 20]; var d = new Deflater(); d.setInput(data); d.finish();
    System.out.println(d.deflate(new byte[1 << 20])); d.end();
    var child = new ProcessBuilder("tr", "a-z", "A-Z").start(); child.getOutputStream().write("by a child".getBytes());
    child.getOutputStream().close(); System.out.println(new String(child.getInputStream().readAllBytes()));
    Object none = null; try { none.toString(); } catch (NullPointerException e) { System.out.println("caught"); }
    for (int i = 0; i < 50; i++) { var lists = new ArrayList<byte[]>(); for (int k = 0; k < 100; k++) lists.add(new byte[10000]); }
    System.gc(); Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
    System.err.println("to stderr"); System.exit(7);
  }
}
"""


def test_script(weir):
    if not shutil.which("java") or not shutil.which("javac"):
        raise Skip("there is no JDK")
    twins(weir, ["java", "-Xmx256m", "Script.java"], files={"Script.java": SCRIPT}, timeout=200)


harness.main(globals())
