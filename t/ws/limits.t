#!/usr/bin/perl

# Family 9 of the known WebSocket cases: large messages, many fragments, small
# pieces, many messages.  Only type and length of the echo matter there; here
# the octets do, too.

use strict;
use warnings;

use POSIX ();

use lib 't/lib';
use RTProp::Test;

use constant { CONT => 0, TEXT => 1, BIN => 2, K => 1024, M => 1024 * 1024,
               SECONDS => 60 };

my $nginx = rtprop_nginx(tls => 1, server => <<'END');
    location /echo {
        rtprop echo;
        rtprop_max_message 16m;
    }

    location /small {
        rtprop echo;
        rtprop_max_message 1k;
    }
END

my %octet = (TEXT, '*', BIN, "\xfe");


sub open_ws {
    my (%opt) = @_;
    return RTProp::WS->connect(path => '/echo', timeout => SECONDS, %opt,
        port => $opt{tls} ? $nginx->tls_port : $nginx->port);
}


# A mask of zeros, so that the client's own arithmetic takes no time.

sub frame {
    my ($opcode, $payload, %opt) = @_;
    return RTProp::WS->frame($opcode, $payload, mask => "\0\0\0\0", %opt);
}


# Writes while it reads: the server stops reading while its echo waits.

sub echo_ok {
    my ($ws, $opcode, $bytes, $payload, $name) = @_;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        $ws->send_raw($bytes);
        POSIX::_exit(0);
    }

    my $frame = $ws->recv_frame;
    waitpid $pid, 0;

    ok($frame && $frame->{opcode} == $opcode && $frame->{payload} eq $payload,
       $name);
}


sub close_ok {
    my ($ws, $name) = @_;
    my ($code) = $ws->close(1000);
    is($code, 1000, "$name, close");
}


# one frame of 64 KiB to 16 MiB

my @sizes = map { $_ * K } 64, 256, 1024, 4096, 8192, 16384;

for my $opcode (TEXT, BIN) {
    my $family = $opcode == TEXT ? '9.1' : '9.2';

    for my $i (0 .. $#sizes) {
        my $payload = $octet{$opcode} x $sizes[$i];
        my $ws = open_ws();

        echo_ok($ws, $opcode, frame($opcode, $payload), $payload,
                "$family." . ($i + 1));
        close_ok($ws, "$family." . ($i + 1));
    }
}

{
    my $payload = "\xfe" x (4 * M);
    my $ws = open_ws(tls => 1);

    ok($ws->send_raw(frame(BIN, $payload)), '4 MiB over TLS, sent');
    is($ws->recv_frame->{payload}, $payload, '4 MiB over TLS, echo');
    close_ok($ws, '4 MiB over TLS');
}


# 4 MiB in fragments; a message that divides evenly ends with an empty one

my @fragments = (64, 256, 1 * K, 4 * K, 16 * K, 64 * K, 256 * K, 1 * M, 4 * M);

for my $opcode (TEXT, BIN) {
    my $family = $opcode == TEXT ? '9.3' : '9.4';
    my $payload = $octet{$opcode} x (4 * M);

    for my $i (0 .. $#fragments) {
        my $size = $fragments[$i];
        my $n = 4 * M / $size;
        my $piece = $octet{$opcode} x $size;

        my $bytes = $n == 1 ? frame($opcode, $piece)
                  : frame($opcode, $piece, fin => 0)
                    . frame(CONT, $piece, fin => 0) x ($n - 1)
                    . frame(CONT, '');

        my $ws = open_ws();
        echo_ok($ws, $opcode, $bytes, $payload, "$family." . ($i + 1));
        close_ok($ws, "$family." . ($i + 1));
    }
}


# 1 MiB in one frame, written in small pieces

my @chops = (64, 128, 256, 512, 1024, 2048);

for my $opcode (TEXT, BIN) {
    my $family = $opcode == TEXT ? '9.5' : '9.6';
    my $payload = $octet{$opcode} x M;

    for my $i (0 .. $#chops) {
        my $ws = open_ws();

        $ws->send_raw(frame($opcode, $payload), cuts => [$chops[$i]]);
        my $frame = $ws->recv_frame;
        ok($frame && $frame->{opcode} == $opcode
           && $frame->{payload} eq $payload, "$family." . ($i + 1));
        close_ok($ws, "$family." . ($i + 1));
    }
}


# 1000 messages, the next one when the echo is in

my @lengths = (0, 16, 64, 256, 1024, 4096);

for my $opcode (TEXT, BIN) {
    my $family = $opcode == TEXT ? '9.7' : '9.8';

    for my $i (0 .. $#lengths) {
        my $payload = $octet{$opcode} x $lengths[$i];
        my $bytes = frame($opcode, $payload);
        my $ws = open_ws();
        my $good = 0;

        for (1 .. 1000) {
            $ws->send_raw($bytes);
            my $frame = $ws->recv_frame or last;
            $good++ if $frame->{opcode} == $opcode
                       && $frame->{payload} eq $payload;
        }

        is($good, 1000, "$family." . ($i + 1));
        close_ok($ws, "$family." . ($i + 1));
    }
}


# many messages in one write

{
    my $ws = open_ws();
    my $payload = 'x' x 100;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        $ws->send_raw(frame(TEXT, $payload) x 20000);
        POSIX::_exit(0);
    }

    my $good = 0;

    for (1 .. 20000) {
        my $frame = $ws->recv_frame or last;
        $good++ if $frame->{payload} eq $payload;
    }

    waitpid $pid, 0;
    is($good, 20000, '20,000 messages back to back');
    close_ok($ws, '20,000 messages');
}


# the limit itself

{
    my $ws = open_ws(path => '/small');
    my $payload = 'x' x 1024;

    $ws->send_text($payload);
    is($ws->recv_frame->{payload}, $payload, 'as long as the limit');

    $ws->send_text($payload . 'x');
    is(($ws->wait_close)[0], 1009, 'one octet more');
    ok($ws->wait_eof, 'ends the connection');
}

{
    my $ws = open_ws(path => '/small');

    $ws->send_raw(frame(TEXT, 'x' x 1000, fin => 0) . frame(CONT, 'x' x 25));
    is(($ws->wait_close)[0], 1009, 'fragments count together');
}

done_testing();
