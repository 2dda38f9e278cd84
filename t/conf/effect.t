#!/usr/bin/perl

# That each directive does what it says, where no other test shows it: at each
# level, the nearest one counts; the history's bounds; the zone over reloads.

use strict;
use warnings;

use JSON::PP;

use lib 't/lib';
use RTProp::Test;


sub publish {
    my ($user, $n, $pad) = @_;
    my $answer;

    for my $i (1 .. $n) {
        $answer = api(POST => '/api/publish', {
            channel => "user:$user", type => 'notification',
            payload => { n => $i, pad => 'x' x ($pad // 1) } });
        die "$answer->{status} $answer->{body}\n" if $answer->{status} != 200;
    }

    return $answer->{json};
}


# The answer to a resume of the user's channel from an offset.

sub resumed {
    my ($user, $at, $offset) = @_;
    my $ws = client(user => $user);

    $ws->send_json(resume => { channels => {
        "user:$user" => { epoch => $at->{epoch}, offset => $offset } } });

    my $answer = $ws->wait_for('resumed') or return {};
    my @missed = grep { $_->{type} eq 'notification' } $ws->events;
    $ws->drop;

    return { %{$answer->{payload}{channels}{"user:$user"}},
             numbers => [map { $_->{payload}{n} } @missed] };
}


subtest 'rtprop_history messages' => sub {
    rtprop_nginx(http => "rtprop_zone rtprop 4m;\n"
                         . "rtprop_history messages=5;\n");
    my $at = publish('ann', 20);

    my $answer = resumed('ann', $at, $at->{offset} - 5);
    ok($answer->{recovered}, 'five are kept');
    is_deeply($answer->{numbers}, [16 .. 20], 'and come in order');

    $answer = resumed('ann', $at, $at->{offset} - 6);
    ok(!$answer->{recovered}, 'six are not');
};

subtest 'rtprop_history bytes' => sub {
    rtprop_nginx(http => "rtprop_zone rtprop 4m;\n"
                         . "rtprop_history bytes=8k;\n");
    my $at = publish('ann', 20, 1000);

    my $answer = resumed('ann', $at, $at->{offset} - 4);
    ok($answer->{recovered}, 'four of a thousand octets are kept');
    ok(!resumed('ann', $at, $at->{offset} - 9)->{recovered}, 'nine are not');
};

subtest 'rtprop_history age' => sub {
    my $nginx = rtprop_nginx(http => "rtprop_zone rtprop 4m;\n"
                                     . "rtprop_history age=1s;\n");
    my $at = publish('ann', 3);
    my $answer;

    ok(resumed('ann', $at, $at->{offset} - 3)->{recovered}, 'at once');
    ok($nginx->wait_until(sub {
        $answer = resumed('ann', $at, $at->{offset} - 3);
        return !$answer->{recovered};
    }), 'no longer after its age');
};

subtest 'rtprop_history by default' => sub {
    rtprop_nginx(http => "rtprop_zone rtprop 16m;\n");
    my @many = map { { channel => 'user:ann', type => 'notification',
                       payload => { n => $_ } } } 1 .. 100;
    my $at;

    $at = api(POST => '/api/publish', \@many)->{json}[-1] for 1 .. 11;
    ok($at && $at->{epoch}, 'published');
    ok(resumed('ann', $at, $at->{offset} - 1000)->{recovered}, 'a thousand');
    ok(!resumed('ann', $at, $at->{offset} - 1001)->{recovered}, 'not more');
};

subtest 'rtprop_engine, rtprop_zone' => sub {
    my $zone = "rtprop_engine shm;\nrtprop_drain 1s;\n";
    my $nginx = rtprop_nginx(http => "rtprop_zone one 4m;\n$zone");

    is(http()->get('/health')->{json}{engine}{name}, 'shm',
       'health names it');

    my $at = publish('ann', 3);
    $nginx->reload;
    ok(resumed('ann', $at, $at->{offset} - 2)->{recovered},
       'a reload keeps what was said');

    my $from = $nginx->log_size;
    $nginx->reload(http => "rtprop_zone one 6m;\n$zone");
    ok($nginx->wait_log(qr/\[notice\].*"one" of 6291456 octets starts empty/,
                        undef, $from), 'another size: a notice says so');

    my $answer = resumed('ann', $at, $at->{offset} - 2);
    ok(!$answer->{recovered}, 'and it is empty');
    isnt($answer->{epoch}, $at->{epoch}, 'of another epoch');

    my $again = publish('ann', 1);
    is($again->{epoch}, $answer->{epoch}, 'it goes on from there');

    $from = $nginx->log_size;
    $nginx->reload(http => "rtprop_zone two 6m;\n$zone");
    ok($nginx->wait_log(qr/\[notice\].*"two" of 6291456 octets starts empty/,
                        undef, $from), 'another name, too');
};

subtest 'the nearest level counts' => sub {
    my $near = 'rtprop native; rtprop_jwt_key jwt.key;';

    my $nginx = rtprop_nginx(
        http => <<'END',
    rtprop_zone rtprop 4m;
    rtprop_user_connections 1;
    rtprop_rate other 1r/m burst=1;
    rtprop_errors 1/1m;
    rtprop_max_message 200;
    rtprop_ping 300ms timeout=60s;
    rtprop_origin https://http.example;
END
        server => <<"END");
    rtprop_user_connections 2;
    rtprop_origin https://server.example;

    location /ws { $near }

    location /near {
        $near
        rtprop_user_connections 3;
        rtprop_rate other 1r/m burst=3;
        rtprop_errors 3/1m;
        rtprop_max_message 400;
        rtprop_ping 1m;
        rtprop_origin https://near.example;
    }
END

    my @open = map { client(user => 'a') } 1 .. 2;
    is(client(user => 'a', welcome => 0)->status, 429,
       'rtprop_user_connections of the server');
    push @open, client(user => 'a', path => '/near');
    is($open[2]->status, 101, 'of the location');
    is(client(user => 'a', path => '/near', welcome => 0)->status, 429,
       'which has an end, too');

    for (['/ws', 'server'], ['/near', 'near']) {
        my ($path, $level) = @$_;

        for my $host (qw(http server near)) {
            my $ws = client(user => "origin-$host-$level", welcome => 0,
                            path => $path,
                            headers => { Origin => "https://$host.example" });
            is($ws->status, $host eq $level ? 101 : 403,
               "rtprop_origin: $host at $path");
            $ws->drop;
        }
    }

    for (['/ws', 1], ['/near', 3]) {
        my ($path, $n) = @$_;
        my $ws = client(user => "rate$n", path => $path);

        $ws->send_json('ping') for 0 .. $n;
        ok($ws->wait_for('pong'), "rtprop_rate: pong $_ at $path") for 1 .. $n;
        is($ws->wait_for('error')->{payload}{code}, 'rate_limited',
           'then no more');
        $ws->drop;

        $ws = client(user => "errors$n", path => $path);
        $ws->send_text('x') for 0 .. $n;
        is(($ws->wait_close)[0], 4002, "rtprop_errors: $n at $path");
        is(scalar(grep { $_->{type} eq 'error' } $ws->events), $n + 1,
           'all are told');

        $ws = client(user => "max$n", path => $path);
        $ws->send_json('ping', { pad => 'x' x 250 });
        $n == 1 ? is(($ws->wait_close)[0], 1009, "rtprop_max_message at $path")
                : ok($ws->wait_for('pong'), "rtprop_max_message at $path");
    }

    my %ping = map { $_ => client(user => "p$_", path => $_)->{welcome}{payload}
                            {ping_interval} } '/ws', '/near';
    cmp_ok($ping{'/near'}, '>', $ping{'/ws'}, 'rtprop_ping is told');
};

done_testing();
