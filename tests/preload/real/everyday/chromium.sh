#!/bin/bash
#: title chromium, headless
#: needs chromium
#: package chromium
#: version chromium --version
#: own chromium
echo '<body><script>let m = new Map(); for (let i = 0; i < 20000; i++) m.set("k" + i, [i]); document.body.innerHTML = "<p id=x>" + m.size + " " + JSON.stringify([...m].slice(0, 2)) + "</p>"</script></body>' >p.html
chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$PWD/profile" --dump-dom "file://$PWD/p.html" 2>/dev/null | grep -o '<p id.*</p>'; echo "status ${PIPESTATUS[0]}"
