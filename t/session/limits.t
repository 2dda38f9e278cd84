#!/usr/bin/perl

# Bounds of a user: live connections and rates over all workers, refused
# messages of a session.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(server => <<'END');
    rtprop_jwt_key jwt.key;

    location /ws { rtprop native; }
    location /two { rtprop native; rtprop_user_connections 2; }

    location /rate {
        rtprop native;
        rtprop_user_connections 20;
        rtprop_rate other 30r/m burst=6;
    }

    location /off {
        rtprop native;
        rtprop_rate other off;
        rtprop_errors 1000/1m;
    }

    location /errors {
        rtprop native;
        rtprop_errors 3/1m;
        rtprop_rate other off;
    }

    location /window {
        rtprop native;
        rtprop_errors 2/1s;
        rtprop_rate other off;
    }
END


subtest 'connections of one user' => sub {
    my @open = map { client(user => 'five') } 1 .. 5;
    is(scalar(grep { $_->{welcome} } @open), 5, 'five by default');

    for (1 .. 4) {
        my $ws = client(user => 'five', welcome => 0);
        is($ws->status, 429, 'the sixth: 429');
        is($ws->body_json->{code}, 'rate_limited', 'code');
        $ws->drop;
    }

    is(client(user => 'another')->status, 101, 'another user');
    is(client(user => 'five', path => '/two', welcome => 0)->status, 429,
       'fewer at another location: all count');

    $open[0]->close;
    ok($nginx->wait_until(sub {
        $open[0] = client(user => 'five', welcome => 0);
        $open[0]->status == 101;
    }), 'one closed, one more');

    $open[$_]->drop for 1, 2;
    ok($nginx->wait_until(sub {
        $open[1] = client(user => 'five', welcome => 0);
        $open[1]->status == 101;
    }), 'one lost, one more');
};


subtest 'a rate counts over all workers' => sub {
    my @ws = map { client(user => 'r1', path => '/rate') } 1 .. 8;

    $_->send_json('ping') for @ws;
    my ($pongs, @errors) = (0);

    for my $ws (@ws) {
        my $event = $ws->wait_for(qr/^(?:pong|error)$/);
        push @errors, $event if $event->{type} eq 'error';
        $pongs++ if $event->{type} eq 'pong';
    }

    is($pongs, 6, 'burst');
    is(scalar @errors, 2, 'the rest is refused');

    for my $event (@errors) {
        my $payload = $event->{payload};
        is($payload->{code}, 'rate_limited', 'code');
        is($payload->{event}, 'ping', 'event');
        cmp_ok($payload->{retry_after_ms}, '>', 0, 'retry_after_ms');
        cmp_ok($payload->{retry_after_ms}, '<=', 2000, 'at most a token');
    }

    my $other = client(user => 'r2', path => '/rate');
    $other->send_json('ping');
    ok($other->wait_for('pong'), 'another user has another bucket');
};


subtest 'a rate that is off' => sub {
    my $ws = client(user => 'off', path => '/off');
    $ws->send_json('ping', undef, $_) for 1 .. 200;
    is($ws->wait_for('pong', sub { $_[0]{id} == 200 })->{id}, 200, '200 pongs');
    is(scalar(grep { $_->{type} eq 'error' } $ws->events), 0, 'no error');
};


subtest 'too many refused messages' => sub {
    my $ws = client(user => 'e1', path => '/errors');

    for my $i (1 .. 3) {
        $ws->send_json('nonsense', undef, $i);
        is($ws->wait_for('error')->{payload}{code}, 'unknown_type',
           "error $i");
    }

    $ws->send_json('ping');
    ok($ws->wait_for('pong'), 'still open');

    $ws->send_text('{');
    ok($ws->wait_for('error'), 'one more is still told');
    is(($ws->wait_close)[0], 4002, 'then closed with 4002');

    my $other = client(user => 'e2', path => '/window');
    # three in a second are too many, two and then two are not

    $other->send_json('nonsense') for 1 .. 2;
    ok($other->wait_for('error'), 'an error') for 1 .. 2;

    my $clock = client(user => 'e3', claims => { exp => time + 2 });
    $clock->wait_close;

    $other->send_json('nonsense') for 1 .. 2;
    ok($other->wait_for('error'), 'an error') for 1 .. 2;
    ok($other->fence, 'still open');

    $other->send_json('nonsense');
    is(($other->wait_close)[0], 4002, 'one more in that second');
};

done_testing();
