# Formats a manual of perl's again and again, and counts its words: manual.pl COUNT
use strict;
use warnings;
use Config;
use Pod::Text;

my ($source) = glob "$Config{privlib}/pod/perldiag.pod";
my (%words, $length);
for my $round (1 .. $ARGV[0]) {
  my $text = '';
  my $parser = Pod::Text->new(width => 60 + $round);
  $parser->output_string(\$text);
  $parser->parse_file($source);
  $length += length $text;
  $words{lc $_}++ for $text =~ /\w+/g;
}
my @frequent = sort { $words{$b} <=> $words{$a} || $a cmp $b } keys %words;
print "$length @frequent[0 .. 9]\n";
