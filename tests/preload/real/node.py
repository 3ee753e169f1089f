"""node: JIT code without unwind tables, worker threads, child processes."""

import shutil

import harness
from harness import Skip
from twins import twins

SCRIPT = """
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { execFileSync } = require('child_process');
const zlib = require('zlib'); const crypto = require('crypto');
function work(n) { const m = new Map(); for (let i = 0; i < n; i++) m.set('k' + i, { i, t: ('x' + i).repeat(5) });
  return [...m.values()].filter(v => v.i % 3 == 0).map(v => v.t.length).reduce((a, b) => a + b, 0); }
if (!isMainThread) { parentPort.postMessage(work(workerData)); } else {
  console.log(work(50000));
  console.log(zlib.gunzipSync(zlib.gzipSync(Buffer.alloc(1 << 20, 'abc'))).length);
  console.log(crypto.createHash('sha256').update('text').digest('hex'));
  console.log(execFileSync('tr', ['a-z', 'A-Z'], { input: 'by a child' }).toString());
  Promise.all([1, 2, 3, 4].map(i => new Promise((done, failed) => {
    const w = new Worker(__filename, { workerData: i * 5000 }); w.on('message', done); w.on('error', failed); })))
    .then(all => { console.log(all.join(' ')); console.error('to stderr'); process.exitCode = 5; });
}
"""


def test_script(weir):
    node = shutil.which("node", path="/usr/bin:/usr/local/bin")
    if node is None:
        raise Skip("node is not installed")
    twins(weir, [node, "script.js"], files={"script.js": SCRIPT})


harness.main(globals())
