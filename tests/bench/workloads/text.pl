# Hashes, regular expressions, sorting, closures, string building. Usage: text.pl ROUNDS
use strict;
use warnings;

my ($rounds) = @ARGV;
my $seed = 1;
sub pick { $seed = ($seed * 1103515245 + 12345) % 2147483648; return int($seed / 65536) % $_[0]; }

my $total = 0;
for my $round (1 .. $rounds) {
  my %count;
  my @lines = map { join ' ', map { 'w' . pick(4000) . '=' . pick(100) } 1 .. 8 } 1 .. 5000;
  for my $line (@lines) {
    while ($line =~ /(w\d+)=(\d+)/g) {
      $count{$1}{total} += $2;
      push @{$count{$1}{seen}}, $2;
    }
  }
  my @sorted = sort { $count{$b}{total} <=> $count{$a}{total} || $a cmp $b } keys %count;
  my @objects = map { my $name = $_; {name => $name, score => sub { $count{$name}{total} }} } @sorted;
  $total += $_->{score}->() for @objects;
  my $text = join "\n", map { "$_: " . join(',', sort { $a <=> $b } @{$count{$_}{seen}}) } @sorted;
  $text =~ s/(\d+),(\d+)/$2;$1/g;
  $total += length $text;
  $total += scalar(() = $text =~ /;/g);
  my %inverted;
  push @{$inverted{$_ % 97}}, [split /,/, $_] for map { $count{$_}{total} } @sorted;
  $total += @{$inverted{$_}} for keys %inverted;
}
print "$total\n";
