#!/bin/bash
#: needs php
#: package php-cli
#: version php --version
cat >s.php <<'END'
<?php
$a = []; for ($i = 0; $i < 50000; $i++) $a["k" . ($i * 7919 % 50021)] = str_repeat("v", $i % 50); ksort($a); echo count($a), " ", crc32(implode(",", $a)), "\n";
echo strlen(gzuncompress(gzcompress(str_repeat("abc", 100000)))), " ", hash("sha256", "text"), " ", strlen(json_encode($a)), "\n";
function g($n) { for ($i = 0; $i < $n; $i++) yield $i => $i * 2; } echo array_sum(iterator_to_array(g(1000))), "\n";
echo preg_match_all('/v{7}/', implode(" ", $a)), " ", shell_exec("echo child | tr a-z A-Z"); class C { public $o; } for ($i = 0; $i < 20000; $i++) { $x = new C; $x->o = $x; } echo gc_collect_cycles() > 0 ? "cycles" : "none", "\n";
$p = proc_open(["cat"], [["pipe", "r"], ["pipe", "w"]], $io); fwrite($io[0], "through cat\n"); fclose($io[0]); echo stream_get_contents($io[1]); echo proc_close($p), "\n";
try { intdiv(1, 0); } catch (DivisionByZeroError $e) { echo $e->getMessage(), "\n"; } exit(5);
END
php -n s.php; echo "status $?"; USE_ZEND_ALLOC=0 php s.php
