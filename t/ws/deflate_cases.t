#!/usr/bin/perl

# Families 12 and 13 of the known WebSocket cases: permessage-deflate with
# different payloads, lengths, fragments and parameters.  RTPROP_MESSAGES says
# how many messages a case has; "make conformance" sends all 1,000.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;
use RTProp::Deflate;

use constant { TEXT => 1, BINARY => 2, DEADLINE => 30 };

my $messages = $ENV{RTPROP_MESSAGES} || 20;

my $nginx = rtprop_nginx(server => <<'END');
    location /echo {
        rtprop echo;
        rtprop_max_message 16m;
        rtprop_compression on threshold=0 level=1;
    }
END


# The corpora, always the same: a generator of our own and no rand().

my $seed = 1;
sub any { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff;
          return ($seed >> 8) % $_[0] }
sub one { $_[any(scalar @_)] }

my @words = qw(Haus Stra\x{df}e und der die das wohnt im alten Dorf am See mit
               gro\x{df}er K\x{fc}che n\x{e4}her als Garten Licht Fenster jeden
               Morgen sch\x{f6}n);
s/\\x\{(..)\}/chr hex $1/ge for @words;

sub sentence { join(' ', map { one(@words) } 1 .. 4 + any(9)) . '.' }

sub repeated {
    my ($length, $part) = @_;
    my $text = '';
    $text .= $part->() while length $text < $length;
    return substr $text, 0, $length;
}

sub octets { my $text = shift; utf8::encode($text); return $text }

my %corpus = (
    json => repeated(194_000, sub {
        sprintf qq({"id":%d,"title":"%s","price":%d,"open":%s,"tag":"%s"},\n),
                any(100_000), sentence(), any(2_000_000),
                one('true', 'false'), one(@words) }),
    bitmap => join('', map { my $y = $_;
        map { chr(($_ * $y / 512 + any(7)) % 256) } 0 .. 511 } 0 .. 511),
    drama => octets(repeated(222_000, sub {
        sprintf "%s:\n  %s\n  %s\n\n", uc one(@words), sentence(),
                sentence() })),
    html => repeated(264_000, sub {
        '<div class="c' . any(20) . '"><p>' . sentence() . "</p></div>\n" }),
    noise => join('', map { pack 'n', any(65536) } 1 .. 524_288),
);

my %family = (
    12 => [['json', TEXT], ['bitmap', BINARY], ['drama', BINARY],
           ['html', TEXT], ['noise', BINARY]],
    13 => [map { ['json', TEXT] } 1 .. 7],
);

my @lengths = ((map { [$_, 0] } 16, 64, 256, 1024, 4096, 8192, 16384, 32768,
                65536, 131072),
               (map { [$_, 256] } 8192, 16384, 32768, 65536, 131072),
               (map { [131072, $_] } 1024, 4096, 32768));

my $client = 'client_no_context_takeover; client_max_window_bits';

my @asked = ('', '; server_no_context_takeover', '; server_max_window_bits=9',
             '; server_max_window_bits=15',
             '; server_no_context_takeover; server_max_window_bits=9',
             '; server_no_context_takeover; server_max_window_bits=15');

my @offers = map { "permessage-deflate; $client$_" } @asked;
push @offers, join ', ', @offers[4, 1, 0];

# what these offers get, the order of parameters is the server's
my $both = 'permessage-deflate; server_no_context_takeover; '
           . 'client_no_context_takeover';
my %answer = (map({ ($_ => "$both; client_max_window_bits=15") } 0, 1),
              map({ ($_ => "$both; server_max_window_bits=9; "
                           . 'client_max_window_bits=15') } 2, 4, 6),
              map({ ($_ => "$both; server_max_window_bits=15; "
                           . 'client_max_window_bits=15') } 3, 5));


# The next $length characters of a corpus, round and round, as octets.

sub slice {
    my ($corpus, $at, $length, $text) = @_;
    my $slice = substr $$corpus, $at % length $$corpus, $length;

    $slice .= substr $$corpus, 0, $length - length $slice;
    utf8::encode($slice) if $text;

    return $slice;
}


# Empty if the case is good, else what is wrong with it.

sub attempt {
    my ($offer, $corpus, $opcode, $length, $fragment) = @_;

    my $ws = RTProp::WS->connect(port => $nginx->port, path => '/echo',
        timeout => DEADLINE, headers => [offer($offers[$offer])]);
    my $pmd = RTProp::Deflate->new($ws) or return 'no extension';

    my $header = $ws->header('Sec-WebSocket-Extensions');
    return "answer $header" if $header ne $answer{$offer};

    my $packed = 0;

    for my $n (1 .. $messages) {
        my $sent = slice(\$corpus{$corpus}, ($n - 1) * $length, $length,
                         $opcode == TEXT);

        $pmd->send($opcode, $sent, fragment => $fragment, level => 1);
        my $got = $pmd->recv or return "message $n: $ws->{error}";

        return "message $n: another type" if $got->{opcode} != $opcode;
        return "message $n: other octets" if $got->{payload} ne $sent;

        $packed += $got->{packed};
    }

    return "$packed of them came compressed"
        if $length >= 1024 && ($corpus eq 'noise') == ($packed > 0);

    my ($code) = $ws->close(1000);
    return 'close ' . ($code // 'missing') if ($code // 0) != 1000;

    return '';
}


for my $family (12, 13) {
    for my $second (0 .. $#{$family{$family}}) {
        my ($corpus, $opcode) = @{$family{$family}[$second]};

        for my $third (0 .. $#lengths) {
            my ($length, $fragment) = @{$lengths[$third]};
            my $wrong = attempt($family == 12 ? 0 : $second, $corpus, $opcode,
                                $length, $fragment);

            ok($wrong eq '', sprintf '%d.%d.%d', $family, $second + 1,
               $third + 1) or diag($wrong);
        }
    }
}

done_testing();
