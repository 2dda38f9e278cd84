#!/usr/bin/perl

# The send queue of a reader that does not keep up: what it costs itself, and
# that it costs nobody else anything.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(location => <<'END', http => <<'END2');
    rtprop_user_connections 20;
    rtprop_send_queue 256k soft=64k/1m;
END
    rtprop_zone rtprop 32m;
    rtprop_drain 1s;
    client_max_body_size 8m;
END2

my $soft = rtprop_nginx(location => <<'END', http => <<'END2');
    rtprop_user_connections 20;
    rtprop_send_queue 64m soft=64k/1s;
END
    rtprop_zone rtprop 32m;
    rtprop_drain 1s;
    client_max_body_size 8m;
END2

my $deep = rtprop_nginx(location => <<'END', http => <<'END2');
    rtprop_user_connections 20;
    rtprop_send_queue 64m soft=32m/1m;
    rtprop_rate typing off;
END
    rtprop_zone rtprop 32m;
    rtprop_drain 1s;
    client_max_body_size 8m;
END2

my $pad = 'x' x 40_000;


# Publishes events with numbers from $from on, 10 a request.  JSON by hand, as
# there are megabytes of it.

sub publish {
    my ($http, $from, $n) = @_;

    while ($n > 0) {
        my $part = $n > 10 ? 10 : $n;
        my $body = join ',', map {
            sprintf '{"channel":"user:slow","type":"notification",'
                    . '"payload":{"n":%d,"pad":"%s"}}', $from + $_, $pad;
        } 0 .. $part - 1;

        my $answer = $http->request(POST => '/api/publish', "[$body]",
                                    'Content-Type' => 'application/json');
        return 0 if $answer->{status} != 200;

        $from += $part;
        $n -= $part;
    }

    return 1;
}


sub numbers {
    my ($ws, $last) = @_;
    my @numbers;

    while (!@numbers || $numbers[-1] < $last) {
        my $message = $ws->recv_message or last;
        last if $message->{opcode} == RTProp::WS::CLOSE;
        push @numbers, $1 if $message->{payload} =~ /"n":(\d+)/;
    }

    return @numbers;
}


# the hard limit

{
    my $http = http(nginx => $nginx, bearer => API_KEY);
    my $slow = client(nginx => $nginx, user => 'slow', rcvbuf => 4096);
    my @fast = map { client(nginx => $nginx, user => 'slow') } 1 .. 3;
    my @wrong;

    # more than all buffers of the socket and the queue together
    for my $batch (0 .. 39) {
        my ($from, $to) = ($batch * 5, $batch * 5 + 4);
        publish($http, $from, 5) or push @wrong, "batch $batch";

        for my $i (0 .. $#fast) {
            my @got = numbers($fast[$i], $to);
            push @wrong, "$i: @got" if "@got" ne join ' ', $from .. $to;
        }
    }

    is_deeply(\@wrong, [], 'who reads has everything in order');

    my @got = numbers($slow, 199);
    cmp_ok(scalar @got, '<', 200, 'who did not read has not');
    is("@got", join(' ', 0 .. $#got), 'but nothing is missing in between');
    is($slow->{close_code}, 1013, 'it was closed as too slow');
    $slow->send_frame(RTProp::WS::CLOSE, pack 'n', 1013);
    ok($slow->wait_eof, 'and ended');

    my $metrics = $http->request(GET => '/metrics')->{body};
    like($metrics, qr/^rtprop_ws_slow_total 1$/m, 'which was counted');

    # it comes back for the rest
    $slow = client(nginx => $nginx, user => 'slow');
    publish($http, 200, 1);
    is_deeply([numbers($slow, 200)], [200], 'it may come back');
}


# the soft limit

{
    my $http = http(nginx => $soft, bearer => API_KEY);
    my $slow = client(nginx => $soft, user => 'slow', rcvbuf => 4096);
    my $late = client(nginx => $soft, user => 'slow', rcvbuf => 4096);

    ok(publish($http, 0, 160), 'published, beyond what a socket takes');

    # who catches up within the time stays
    my @got = numbers($late, 159);
    is(scalar @got, 160, 'a burst is read in time');

    ok($soft->wait_log(qr/reads too slowly/, 8), 'who does not read in time');
    is(($slow->wait_close(8))[0], 1013, 'is closed as too slow');

    publish($http, 160, 1);
    is_deeply([numbers($late, 160)], [160], 'the other one lives');
}

# volatile events replace each other while they wait

{
    my $http = http(nginx => $deep, bearer => API_KEY);
    my %in = (claims => { conversations => ['c1', 'c2'] }, nginx => $deep);
    my $slow = client(%in, user => 'slow', rcvbuf => 4096);
    my $fast = client(%in, user => 'fast');
    my $typist = client(%in, user => 'typist');

    for my $ws ($slow, $fast, $typist) {
        for my $id ('c1', 'c2') {
            $ws->send_json('chat:join', { conversation_id => $id });
            $ws->wait_for('chat:joined');
        }
    }

    # fills the socket, so that what comes then has to wait
    ok(publish($http, 0, 160), 'published, beyond what a socket takes');

    for (1 .. 20) {
        for my $id ('c1', 'c2') {
            $typist->send_json('chat:typing', { conversation_id => $id,
                          is_typing => $_ & 1 ? true : false });
        }
    }

    # each channel keeps its order, so these come last
    $typist->send_json('chat:send_message', { conversation_id => $_,
                                              content => 'the end' })
        for 'c1', 'c2';

    my (%count, %last);

    # who reads goes first: then all of it waits for who does not
    for my $ws ($fast, $slow) {
        my $name = $ws == $slow ? 'slow' : 'fast';
        my $ends = 0;

        while ($ends < 2 and my $message = $ws->recv_message) {
            my $text = $message->{payload};
            my ($id) = $text =~ /"conversation_id":"(c\d)"/ or next;

            if ($text =~ /"the end"/) {
                $ends++;

            } elsif ($text =~ /user_(stopped_)?typing/) {
                $count{$name}{$id}++;
                $last{$name}{$id} = $1 ? 'stopped' : 'types';
            }
        }
    }

    for my $id ('c1', 'c2') {
        cmp_ok($count{fast}{$id}, '>=', 2, "$id: who reads gets them");
        is($count{slow}{$id}, 2, "$id: who does not the newest of each type");
        is($last{$_}{$id}, 'stopped', "$id: $_ in order") for 'fast', 'slow';
    }
}

done_testing();
