"""perl: text, data structures, sorting, regular expressions, fork and pipes."""

import harness
from twins import twins

SCRIPT = r"""
use strict; use warnings; use threads;
my %seen; my @rows = map { { id => $_, name => "row $_" x 3, tags => [1 .. $_ % 9] } } 1 .. 3000;
$seen{ $_->{id} % 17 }{ $_->{name} } = $_ for @rows;
print join(",", map { "$_:" . scalar keys %{ $seen{$_} } } sort { $a <=> $b } keys %seen), "\n";
my $text = join " ", map { $_->{name} } @rows; my %words; $words{$1}++ while $text =~ /(\w+)/g;
print join(" ", map { "$_=$words{$_}" } (sort { $words{$b} <=> $words{$a} || $a cmp $b } keys %words)[0 .. 9]), "\n";
my @workers = map { my $n = $_; threads->create(sub { my @x = map { "$_" x $n } 1 .. 500; scalar @x }) } 1 .. 4;
print join(" ", map { $_->join } @workers), "\n";
for my $n (1 .. 5) { my $pid = open(my $from, "-|") // die; if (!$pid) { print "child $n\n"; exit $n } print <$from>; close $from; print $? >> 8, "\n" }
my $string = ""; $string .= chr(65 + $_ % 26) for 1 .. 200000; $string =~ s/ABC/-/g; print length $string, "\n";
eval { die { code => 42 } }; print "caught $@->{code}\n"; local $@; eval "1 +* 2"; print $@ ? "syntax\n" : "none\n";
warn "to stderr\n"; exit 4;
"""


def test_script(weir):
    twins(weir, ["/usr/bin/perl", "script.pl"], files={"script.pl": SCRIPT})


harness.main(globals())
