#!/bin/bash
#: needs gs
#: package ghostscript
#: version gs --version
#: process gs
cat >t.ps <<'END'
%!PS
/Helvetica findfont 30 scalefont setfont 1 1 20 { dup 20 mul 700 exch sub 50 exch moveto (line ) show 10 string cvs show } for
1 0 0 setrgbcolor 300 300 100 0 360 arc fill showpage /f { dup 0 gt { 1 sub f } if } def 500 f pop 5000 { 100 array pop } repeat vmreclaim showpage
END
sed -i 's/vmreclaim/1 vmreclaim/' t.ps
gs -q -dBATCH -dNOPAUSE -sDEVICE=ppmraw -r50 -sOutputFile=- t.ps | md5sum; gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=o.pdf t.ps; echo "status $?"
gs -q -dBATCH -dNOPAUSE -sDEVICE=pngalpha -r40 -dNumRenderingThreads=2 -sOutputFile=- o.pdf | md5sum; gs -q -dNODISPLAY -dBATCH -c 'undefinedname' >/dev/null 2>&1; echo "status $?"
