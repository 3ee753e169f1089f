#!/bin/bash
#: title tclsh
#: needs tclsh
#: package tcl
#: version echo 'puts [info patchlevel]' | tclsh
#: process tclsh*
tclsh <<'END'
for {set i 0} {$i < 30000} {incr i} { lappend l [expr {$i * 7919 % 30011}]; dict set d k$i [string repeat x [expr {$i % 30}]] }
puts "[llength [lsort -integer $l]] [dict size $d] [string length [join [dict values $d] ,]] [regexp -all {x{7}} $d]"
proc f {n} { if {$n == 0} { return deep }; f [expr {$n - 1}] }; puts [f 500]; coroutine c apply {{} { yield; yield 1; yield 2 }}; puts [c][c]
set i [interp create]; puts [$i eval {expr {6 * 7}}]; interp delete $i; puts [zlib decompress [zlib compress [string repeat abc 1000]] ]; puts [catch {error x} m],$m
after 10 {set done 1}; vwait done; puts [clock format 0 -gmt 1]; exit 3
END
