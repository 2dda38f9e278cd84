#!/usr/bin/perl

# From the handshake to the line of rtprop_log: draining on reload, a fast
# stop, TLS, addresses behind a proxy.

use strict;
use warnings;

use JSON::PP;
use Time::HiRes qw(time);
use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(
    tls => 1,
    log_level => 'debug',
    http => "rtprop_zone rtprop 16m;\nrtprop_drain 2s;\n"
            . "rtprop_log logs/sessions.log;\n",
    server => <<'END');
    rtprop_jwt_key jwt.key;
    rtprop_user_connections 50;
    set_real_ip_from 127.0.0.1;
    location /ws { rtprop native; }
END

sub lines {
    return map { decode_json($_) }
           split /\n/, RTProp::Nginx::slurp($nginx->prefix
                                            . '/logs/sessions.log');
}


sub line {
    my ($user) = @_;
    my $found;
    $nginx->wait_until(sub {
        ($found) = grep { $_->{user} eq $user } lines();
    });
    return $found || {};
}


subtest 'rtprop_log' => sub {
    my $ws = client(user => 'ann"', role => 'agent');
    my $id = $ws->{welcome}{payload}{session_id};

    $ws->send_json('ping') for 1 .. 3;
    $ws->wait_for('pong') for 1 .. 3;
    $ws->close(1000);

    my $line = line('ann"');
    is($line->{session}, $id, 'session');
    is($line->{role}, 'agent', 'role');
    is($line->{address}, '127.0.0.1', 'address');
    is($line->{protocol}, 'native', 'protocol');
    is($line->{received}, 3, 'received');
    is($line->{sent}, 4, 'sent');
    is($line->{close_code}, 1000, 'close_code');
    like($line->{duration}, qr/^\d+(?:\.\d+)?$/, 'duration');
    like($line->{time}, qr/^\d{4}-\d\d-\d\dT.*Z$/, 'time');

    $ws = client(user => 'lost');
    $ws->drop;
    is(line('lost')->{close_code}, 1006, 'a lost connection');

    $ws = client(user => 'kind');
    $ws->send_binary('x');
    $ws->wait_close;
    is(line('kind')->{close_code}, 1003, 'closed by the server');

    $ws = client(user => 'far', headers => { 'X-Real-IP' => '192.0.2.7' });
    $ws->close;
    is(line('far')->{address}, '192.0.2.7', 'the address of realip');
};

subtest 'debug lines' => sub {
    my $ws = client(user => 'dee');
    my $tag = substr $ws->{welcome}{payload}{session_id}, 0, 16;
    $tag =~ s/^0+//;

    ok($nginx->wait_log(qr/rtprop session $tag opened: user "dee"/),
       'connect');
    $ws->send_json('ping');
    ok($nginx->wait_log(qr/rtprop command "ping" in session $tag/), 'event');
    $ws->close;
    ok($nginx->wait_log(qr/rtprop session $tag closed: 1000/), 'close');
};

subtest 'TLS' => sub {
    my $ws = client(user => 'tls', tls => 1);
    is($ws->status, 101, 'accepted');
    $ws->send_json('ping');
    ok($ws->wait_for('pong'), 'works');
    is(($ws->close)[0], 1000, 'closed');
};

subtest 'reload' => sub {
    my @old = map { client(user => "old$_") } 1 .. 20;
    my $start = time;

    $nginx->reload;
    my $new = client(user => 'new');
    ok($new->{welcome}, 'the new workers serve');

    my @codes = map { ($_->wait_close)[0] } @old;
    is_deeply(\@codes, [(1012) x 20], 'the old sessions end with 1012');

    my @ends = map { line("old$_")->{time} } 1 .. 20;
    my %at = map { $_ => 1 } @ends;
    cmp_ok(scalar keys %at, '>', 3, 'not all at once');

    $_->drop for @old;
    ok($nginx->wait_drained, 'the old workers exit');
    cmp_ok(time - $start, '<', 8, 'in time');
    ok($new->fence, 'the new session stays');
    is(line('old1')->{close_code}, 1012, 'and the log says so');
};

subtest 'fast stop' => sub {
    my $ws = client(user => 'last');
    $nginx->stop('TERM');
    is(($ws->wait_close)[0], 1001, 'the client is told');
    is(line('last')->{close_code}, 1001, 'and the log says so');
};

done_testing();
