#!/usr/bin/perl

# Families 1 to 7 and 10 of the known WebSocket cases against the echo location:
# each case on a connection of its own, its frames in one write, in one write a
# frame, octet by octet, and over TLS.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

use constant {
    FIN => 0x80, CONT => 0, TEXT => 1, BIN => 2, CLOSE => 8, PING => 9,
    PONG => 10, DEADLINE => 4,
};

my @modes = qw(whole frames octets tls);

my $nginx = rtprop_nginx(tls => 1, server => <<'END');
    location /echo {
        rtprop echo;
        rtprop_max_message 16m;
    }
END


# A frame {head, payload}; the head is the first octet as it is.
sub f { { head => $_[0], payload => $_[1] // '' } }
sub t { f(FIN | TEXT, @_) }
sub b { f(FIN | BIN, @_) }
sub p { f(FIN | PING, @_) }
sub o { f(FIN | PONG, @_) }
sub c { f(FIN | CLOSE, defined $_[0] ? pack 'na*', $_[0], $_[1] // '' : '') }

# Octets given in hex.
sub x { pack 'H*', $_[0] =~ s/\s//gr }

# The pieces as fragments of one message.
sub fragments {
    my ($opcode, @pieces) = @_;
    my $n = @pieces;
    return map { f(($_ ? CONT : $opcode) | ($_ == $n - 1 ? FIN : 0),
                   $pieces[$_]) } 0 .. $n - 1;
}


# What a case expects: events as "T…", "B…", "O…" (pong), then how it ends:
# the client closes ("close"), has closed already ("closed"), or the server
# gives up with one of these codes.

sub clean  { my ($id, $send, @events) = @_; run($id, $send, \@events, 'close') }
sub closed { my ($id, $send, @events) = @_; run($id, $send, \@events,
                                                'closed') }
sub fails  { my ($id, $send, $code, @events) = @_; run($id, $send, \@events,
                                                       $code) }


sub run {
    my ($id, $send, $events, $end) = @_;
    my $octets = 0;
    $octets += length $_->{payload} for grep { ref eq 'HASH' } @$send;

    for my $mode (@modes) {
        next if $mode eq 'octets' && $octets > 2000;

        my $wrong = attempt($mode, $send, $events, $end);
        ok(!$wrong, "$id, $mode") or diag("$id: $wrong");
    }
}


sub attempt {
    my ($mode, $send, $events, $end) = @_;
    my $tls = $mode eq 'tls';

    my $ws = RTProp::WS->connect(path => '/echo', tls => $tls,
        port => $tls ? $nginx->tls_port : $nginx->port);
    return 'status ' . $ws->status if $ws->status != 101;

    my @got;
    my $bytes = '';

    for my $part (@$send) {
        if (ref $part ne 'HASH') {

            # a number: that many events must be in before more is sent
            put($ws, $mode, $bytes);
            $bytes = '';
            push @got, event($ws) // return "no event, $ws->{error}"
                while @got < $part;
            next;
        }

        my $frame = encode($part);

        if ($mode eq 'frames') {
            put($ws, $mode, $frame);
        } else {
            $bytes .= $frame;
        }
    }

    put($ws, $mode, $bytes);

    return finish($ws, \@got, $events, $end);
}


sub put {
    my ($ws, $mode, $bytes) = @_;
    $ws->send_raw($bytes, $mode eq 'octets' ? (cuts => [1]) : ());
}


sub encode {
    my ($part) = @_;
    my ($head, $payload) = @{$part}{qw(head payload)};

    return substr($part->{raw} // '', 0)
           || RTProp::WS->frame($head & 15, $payload, fin => $head >> 7,
                                rsv => ($head >> 4) & 7);
}


# The next event; undef at a close frame or at the end.

sub event {
    my ($ws) = @_;
    my $frame = $ws->recv_frame(DEADLINE) or return;
    my $opcode = $frame->{opcode};

    return 'masked' if $frame->{masked};
    return 'rsv'    if $frame->{rsv};
    return 'cut'    if !$frame->{fin};
    return          if $opcode == CLOSE;

    return { 1 => 'T', 2 => 'B', 9 => 'P', 10 => 'O' }->{$opcode}
           . $frame->{payload};
}


sub finish {
    my ($ws, $got, $events, $end) = @_;
    my @codes = ref $end ? @$end : $end =~ /^\d/ ? $end : (1000, 1005);

    if ($end eq 'close') {
        push @$got, event($ws) // last while @$got < @$events;
        $ws->send_raw(encode(c(1000)));
    }

    while (defined(my $event = event($ws))) {
        push @$got, $event;
    }

    my ($all, $want) = map { join '|', @$_ } $got, $events;
    return 'events ' . short($all) . ' instead of ' . short($want)
        if $all ne $want;

    my $code = $ws->{close_code};
    return "no close frame, $ws->{error}" if !defined $code;
    return "close code $code" if !grep { $_ == $code } @codes;

    $ws->send_raw(encode(c(1000))) if $end =~ /^\d/ || ref $end;

    return 'connection left open' if !$ws->wait_eof(DEADLINE);
    return 'connection reset' if $ws->{reset} && $end =~ /^close/;
    $ws->drop;

    return '';
}


sub short { length $_[0] > 80 ? substr($_[0], 0, 80) . '…' : $_[0] }


# 1: framing

my @sizes = (0, 125, 126, 127, 128, 65535, 65536);

for my $i (0 .. $#sizes) {
    my ($text, $binary) = ('*' x $sizes[$i], "\xfe" x $sizes[$i]);
    clean('1.1.' . ($i + 1), [t($text)], "T$text");
    clean('1.2.' . ($i + 1), [b($binary)], "B$binary");
}

for (['1.1.8', TEXT, '*', 'T'], ['1.2.8', BIN, "\xfe", 'B']) {
    my ($id, $opcode, $octet, $event) = @$_;
    my $payload = $octet x 65536;
    my $ws = RTProp::WS->connect(port => $nginx->port, path => '/echo');

    $ws->send_frame($opcode, $payload, cuts => [997]);
    my $frame = $ws->recv_frame;
    ok($frame && $frame->{opcode} == $opcode && $frame->{payload} eq $payload,
       "$id, chopped by 997");
    is(($ws->close)[0], 1000, "$id, close");
}


# 2: pings and pongs

my $odd = x('00fffefdfcfb00ff');
my $most = "\xfe" x 125;
my @ten = map { "payload-$_" } 1 .. 10;

clean('2.1', [p()], 'O');
clean('2.2', [p('Hello, world!')], 'OHello, world!');
clean('2.3', [p($odd)], "O$odd");
clean('2.4, 2.6', [p($most)], "O$most");
fails('2.5', [p("\xfe" x 126)], 1002);
closed('2.7', [o(), c(1000)]);
closed('2.8', [o('unasked'), c(1000)]);
clean('2.9', [o('unasked'), p('asked')], 'Oasked');
clean('2.10, 2.11', [map { p($_) } @ten], map { "O$_" } @ten);


# 3: reserved bits

fails('3.1', [f(FIN | 0x10 | TEXT, 'small')], 1002);
fails('3.2', [t('good'), f(FIN | 0x20 | TEXT, 'good'), p()], 1002, 'Tgood');
fails('3.3', [t('good'), f(FIN | 0x30 | TEXT, 'good'), p()], 1002, 'Tgood');
fails('3.4', [t('good'), f(FIN | 0x40 | TEXT, 'good'), p()], 1002, 'Tgood');
fails('3.5', [f(FIN | 0x50 | BIN, 'small')], 1002);
fails('3.6', [f(FIN | 0x60 | BIN, 'small')], 1002);
fails('3.7', [f(FIN | 0x70 | CLOSE)], 1002);


# 4: opcodes

my @reserved = ([3, ''], [4, 'payload'], [5, ''], [6, 'payload'],
                [7, 'payload'], [11, ''], [12, 'payload'], [13, ''],
                [14, 'payload'], [15, 'payload']);

for my $i (0 .. $#reserved) {
    my $id = $i < 5 ? '4.1.' . ($i + 1) : '4.2.' . ($i - 4);
    my ($opcode, $payload) = @{$reserved[$i]};
    my @good = $i % 5 < 2 ? () : (t('good'));

    fails($id, [@good, f(FIN | $opcode, $payload), @good ? p() : ()], 1002,
          @good ? 'Tgood' : ());
}


# 5: fragments

fails('5.1', [f(PING, 'fragment1'), f(FIN | CONT, 'fragment2')], 1002);
fails('5.2', [f(PONG, 'fragment1'), f(FIN | CONT, 'fragment2')], 1002);
clean('5.3 to 5.5', [fragments(TEXT, 'fragment1', 'fragment2')],
      'Tfragment1fragment2');
clean('5.6 to 5.8', [f(TEXT, 'fragment1'), p('ping'),
                     f(FIN | CONT, 'fragment2')],
      'Oping', 'Tfragment1fragment2');
fails('5.9 to 5.11', [f(FIN | CONT, 'nothing open'), t('good')], 1002);
fails('5.12 to 5.14', [f(CONT, 'nothing open'), t('good')], 1002);
fails('5.15', [fragments(TEXT, 'a', 'b'), f(CONT, 'c'), t('d')], 1002, 'Tab');
fails('5.16', [map { f(CONT, 'a'), fragments(TEXT, 'b', 'c') } 1, 2], 1002);
fails('5.17', [map { f(FIN | CONT, 'a'), fragments(TEXT, 'b', 'c') } 1, 2],
      1002);
fails('5.18', [f(TEXT, 'a'), t('b')], 1002);
clean('5.19, 5.20', [f(TEXT, 'a'), f(CONT, 'b'), p('one'), 1, f(CONT, 'c'),
                     f(CONT, 'd'), p('two'), f(FIN | CONT, 'e')],
      'Oone', 'Otwo', 'Tabcde');


# 6: UTF-8

my $greek = x('cebae1bdb9cf83cebcceb5');
my $umlauts = "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc-UTF-8!!";

clean('6.1.1', [t()], 'T');
clean('6.1.2', [fragments(TEXT, '', '', '')], 'T');
clean('6.1.3', [fragments(TEXT, '', 'middle', '')], 'Tmiddle');
clean('6.2.1', [t($umlauts)], "T$umlauts");
clean('6.2.2', [fragments(TEXT, substr($umlauts, 0, 8), substr $umlauts, 8)],
      "T$umlauts");
clean('6.2.3', [fragments(TEXT, split //, $umlauts)], "T$umlauts");
clean('6.2.4', [fragments(TEXT, split //, $greek)], "T$greek");

my $surrogate = $greek . x('eda080') . 'edited';

fails('6.3.1', [t($surrogate)], 1007);
fails('6.3.2', [fragments(TEXT, split //, $surrogate)], 1007);

# what must be refused before the message ends: no end is sent at all

fails('6.4.1', [f(TEXT, $greek), p(), 1, f(CONT, x('f4908080'))], 1007, 'O');
fails('6.4.2', [f(TEXT, $greek . x('f4')), p(), 1, f(CONT, x('90'))], 1007,
      'O');

for (['6.4.3', length $greek, 4], ['6.4.4', length($greek) + 1, 1]) {
    my ($id, $first, $second) = @$_;
    my $frame = RTProp::WS->frame(TEXT, $greek . x('f4908080') . 'edited');

    for my $tls (0, 1) {
        my $ws = RTProp::WS->connect(path => '/echo', tls => $tls,
            port => $tls ? $nginx->tls_port : $nginx->port);

        $ws->send_raw(substr $frame, 0, 6 + $first);
        $ws->send_raw(substr $frame, 6 + $first, $second);
        is(($ws->wait_close)[0], 1007, "$id, within the frame");
        ok($ws->wait_eof(DEADLINE), "$id, end of the connection");
    }
}

my %utf8 = (
    '6.5' => [map { "+$_" } unpack('H*', 'the $ sign'), '61c2a262',
              '61e282ac62', '61f0a4ada262', unpack 'H*', $greek],
    '6.6' => [map { ($_ =~ /^(?:2|5|7|9|11)$/ ? '+' : '-')
                    . unpack 'H*', substr $greek, 0, $_ } 1 .. 11],
    '6.7' => [qw(+00 +c280 +e0a080 +f0908080)],
    '6.8' => [qw(-f888808080 -fc8480808080)],
    '6.9' => [qw(+7f +dfbf +efbfbf +f48fbfbf)],
    '6.10' => [qw(-f7bfbfbf -fbbfbfbfbf -fdbfbfbfbfbf)],
    '6.11' => [qw(+ed9fbf +ee8080 +efbfbd +f48fbfbf -f4908080)],
    '6.12' => [qw(-80 -bf -80bf -80bf80 -80bf80bf -80bf80bf80 -80bf80bf80bf),
               '-' . join '', map { sprintf '%02x', $_ } 0x80 .. 0xbe],
    '6.13' => [map { my ($from, $to) = @$_;
                     '-' . join '', map { sprintf '%02x20', $_ } $from .. $to }
               [0xc0, 0xde], [0xe0, 0xee], [0xf0, 0xf6], [0xf8, 0xfa],
               [0xfc, 0xfc]],
    '6.16' => [qw(-fe -ff -fefeffff)],
    '6.17' => [qw(-c0af -e080af -f08080af -f8808080af -fc80808080af)],
    '6.18' => [qw(-c1bf -e09fbf -f08fbfbf -f887bfbfbf -fc83bfbfbfbf)],
    '6.19' => [qw(-c080 -e08080 -f0808080 -f880808080 -fc8080808080)],
    '6.20' => [qw(-eda080 -edadbf -edae80 -edafbf -edb080 -edbe80 -edbfbf)],
    '6.21' => [map { my $high = $_; map { "-$high$_" } qw(edb080 edbfbf) }
               qw(eda080 edadbf edae80 edafbf)],
    '6.22' => ['+efbfbe', '+efbfbf',
               map { my $plane = $_;
                     map { '+' . unpack 'H*', four($plane * 0x10000 + $_) }
                     0xfffe, 0xffff } 1 .. 16],
    '6.23' => [map { "+efbf$_" } qw(b9 ba bb bc bd be bf)],
);

my @short = qw(c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf
               fdbfbfbfbf);
$utf8{'6.14'} = [map { "-$_" } @short];
$utf8{'6.15'} = ['-' . join '', @short];

sub four {
    my ($c) = @_;
    return pack 'C4', 0xf0 | $c >> 18, 0x80 | ($c >> 12 & 63),
                0x80 | ($c >> 6 & 63), 0x80 | ($c & 63);
}

for my $family (sort { substr($a, 2) <=> substr($b, 2) } keys %utf8) {
    my $number = 0;

    for (@{$utf8{$family}}) {
        my ($sign, $hex) = /^(.)(.*)/;
        my $octets = x($hex);
        my $id = "$family." . ++$number;

        $sign eq '+' ? clean($id, [t($octets)], "T$octets")
                     : fails($id, [t($octets)], 1007);
    }
}


# 7: close

my $long = '*' x 262144;

clean('7.1.1', [t('Hello')], 'THello');
closed('7.1.2', [c(1000), c()]);
closed('7.1.3', [c(1000), p()]);
closed('7.1.4', [c(1000), t('late')]);
closed('7.1.5', [f(TEXT, 'fragment1'), c(1000), f(FIN | CONT, 'fragment2')]);
closed('7.1.6', [t($long), t('short'), c(1000), p()], "T$long", 'Tshort');
closed('7.3.1', [c()]);
fails('7.3.2', [f(FIN | CLOSE, 'a')], 1002);
closed('7.3.3', [c(1000)]);
closed('7.3.4', [c(1000, 'Hello, world!')]);
closed('7.3.5', [c(1000, '*' x 123)]);
fails('7.3.6', [c(1000, '*' x 124)], 1002);
fails('7.5.1', [c(1000, $surrogate)], [1002, 1007]);

my @good = (1000 .. 1003, 1007 .. 1011, 3000, 3999, 4000, 4999);
my @bad = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999);

run('7.7.' . ($_ + 1), [c($good[$_])], [], [1000, $good[$_]]) for 0 .. $#good;
fails('7.9.' . ($_ + 1), [c($bad[$_])], 1002) for 0 .. $#bad;
fails('7.13.' . ($_ + 1), [c((5000, 65535)[$_])], 1002) for 0, 1;


# 10: cut in fragments by the client's library

my $auto = '*' x 65536;
clean('10.1.1', [fragments(TEXT, $auto =~ /(.{1,1300})/g)], "T$auto");


# beyond the families: what a client must not send

sub raw { { head => 0, payload => '', raw => x($_[0]) } }

fails('unmasked text', [raw('8105') , raw('48656c6c6f')], 1002);
fails('unmasked close', [raw('8800')], 1002);
fails('125 octets in 16 bits', [raw('82fe007d 01020304')], 1002);
fails('65535 octets in 64 bits', [raw('82ff000000000000ffff 01020304')], 1002);
fails('64-bit length with the top bit', [raw('82ff8000000000000000')], 1002);
fails('more than allowed, by its header alone',
      [raw('82ff0000000001000001 01020304')], 1009);
fails('fragments that exceed it together',
      [f(BIN, 'x' x 1000), raw('00ff0000000000fffff0 01020304')], 1009);

done_testing();
