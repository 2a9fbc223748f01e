#!/usr/bin/env bash
# perl: big data, regular expressions, fork and pipes, interpreter threads, its own modules.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need perl perl

export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
expect_same "perl: data" perl -e '
  use strict; use warnings;
  my (%seen, $x) = ();
  $x = 42;
  for my $i (1 .. 200_000) {
    $x = ($x * 1103515245 + 12345) % 2**31;
    push @{$seen{$x % 5000}}, "v$i";
  }
  delete @seen{grep { $_ % 3 } keys %seen};
  print scalar(keys %seen), "\n";
  print join(",", map { scalar @{$seen{$_}} } sort { $a <=> $b } keys %seen), "\n";
  my $text = join " ", map { "word$_" } 1 .. 100_000;
  (my $copy = $text) =~ s/(\d)(\d)/$2$1/g;
  print length($copy), " ", scalar(() = $copy =~ /word\d*7\b/g), " ", unpack("%32C*", $copy), "\n";
  my @nested = map { { id => $_, list => [1 .. $_ % 10], text => "x" x ($_ % 300) } } 1 .. 20_000;
  my @sorted = sort { @{$b->{list}} <=> @{$a->{list}} || $a->{id} <=> $b->{id} } @nested;
  print join(" ", map { $_->{id} } @sorted[0 .. 50]), "\n";
  my $string = "";
  $string .= chr($_ % 256) for 1 .. 3_000_000;
  substr($string, 1000, 2_000_000) = "";
  print length($string), " ", unpack("%32C*", $string), "\n";
  print sprintf("%vd %s", "1.22.333", join ":", sort { $a cmp $b } split //, "permutation"), "\n";'
expect_same "perl: modules" perl -e '
  use strict; use warnings; use Storable qw(freeze thaw); use JSON::PP;
  use Digest::SHA qw(sha256_hex); use Encode; use Math::BigInt; use Data::Dumper;
  my $data = { map { ("k$_" => [ $_, "\x{263a}" x ($_ % 5), { n => $_ * 2 } ]) } 1 .. 3000 };
  my $json = JSON::PP->new->canonical->utf8;
  my $text = $json->encode(thaw(freeze($data)));
  print length($text), " ", sha256_hex($text), "\n";
  print sha256_hex($json->encode($json->decode($text))), "\n";
  $Data::Dumper::Sortkeys = 1; print sha256_hex(Encode::encode("UTF-8", Dumper($data))), "\n";
  print Math::BigInt->new(3)->bpow(2000)->bmod("1000000007"), " ", Math::BigInt->bfac(300), "\n";'
expect_same "perl: processes" perl -e '
  use strict; use warnings; use threads; use IO::Socket::INET; $| = 1;
  for my $n (1 .. 40) {
    my $pid = open(my $in, "-|") // die; if (!$pid) { print "x" x ($n * 1000); exit 0 }
    local $/; print length(<$in>), " "; close $in;
  }
  my $fill = sub { my %h = map { ($_ => "$_[0] $_") } 1 .. 20_000; scalar keys %h };
  my @threads = map { threads->create($fill, $_) } 1 .. 4;
  print join(" ", map { $_->join } @threads), "\n";
  my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die;
  if (!fork) {
    my $port = $server->sockport;
    my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die;
    print $c "hello $_\n" for 1 .. 1000;
    exit 0;
  }
  my $client = $server->accept; my $count = 0; $count++ while <$client>; wait; print "$count $?\n";
  print `seq 1 5 | sort -r`;
  $SIG{ALRM} = sub { print "alarm\n" };
  alarm 1;
  select undef, undef, undef, 3;'
