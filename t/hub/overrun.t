#!/usr/bin/perl

# A worker that was stopped for a while: what the ring has lost meanwhile is
# read from history; what history has lost, too, closes with 1013.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(reuseport => 1, workers => 2,
    http => "rtprop_zone rtprop 4m;\n",
    prefix => "rtprop_history messages=400 bytes=2m age=1h;\n",
    location => 'rtprop_rate message off; rtprop_rate other off;');
my ($one, $two) = $nginx->workers;
my $text = 'x' x 2000;

conversation('c1', 'ann', 'ben', 'cleo');
conversation('c2', 'ann', 'ben', 'cleo');

my $ann = client(user => 'ann', worker => $one);
my $cleo = client(user => 'cleo', worker => $one);
my $ben = client(user => 'ben', worker => $two);
my $epoch = joins($ann, 'c1')->{epoch};
joins($_, 'c1') for $cleo, $ben;
joins($_, 'c2') for $ann, $ben;
my $offset = 0;

sub send_many {
    my ($n) = @_;

    while ($n > 0) {
        my $part = $n > 50 ? 50 : $n;
        $ann->send_json('chat:send_message', { conversation_id => 'c1',
                        content => $text }) for 1 .. $part;
        $cleo->wait_for('chat:new_message') for 1 .. $part;
        $ann->fence;
        $_->clear for $ann, $cleo;
        $n -= $part;
    }
}

sub metric {
    my ($name) = @_;
    my ($value) = http()->get('/metrics')->{body} =~ /^$name (\d+)/m;
    return $value;
}


# the other worker sleeps while more is said than the ring holds

my $dora = client(user => 'dora', worker => $two);

# over a connection of the worker that goes on

my $http;

do {
    $http = http(bearer => API_KEY);
    $http->get('/api/channels');
} until $nginx->worker_of($http->{socket}) == $one;

kill STOP => $two;
is($http->post('/api/publish', { channel => 'user:ben',
               type => 'notification', payload => { n => 1 } })->{status}, 200,
   'a user is told something');
send_many(350);
kill CONT => $two;

my @heard = map { $ben->wait_for('chat:new_message') } 1 .. 350;
is_deeply([map { $_->{offset} } @heard], [1 .. 350],
          'all comes, once and in order');
$ben->fence;
is(grep({ $_->{type} eq 'chat:new_message' } $ben->events), 0, 'and no more');
is($ben->wait_for('notification')->{payload}{n}, 1,
   'what only he is told, too');

api(POST => '/api/publish', { channel => "user:$_", type => 'notification',
    payload => { n => 2 } }) for qw(ben dora);
is($ben->wait_for('notification')->{offset}, 2, 'and it goes on for him');
is($dora->wait_for('notification')->{offset}, 1,
   'and for one who had missed nothing');

SKIP: {
    skip 'the embedded engine has a ring', 3 if $nginx->engine;

    ok($nginx->wait_log(qr/too slow for the ring/), 'the ring was overrun');
    ok(metric('rtprop_engine_overruns_total'), 'which is counted');
    ok(metric('rtprop_hub_rereads_total'), 'and what was missed read again');
}

says($ann, 'c1', 'live');
ok(gets($ben, 'live'), 'it goes on live');
says($ann, 'c2', 'elsewhere');
ok(gets($ben, 'elsewhere'), 'in other channels, too');
ok(says($ben, 'c1', 'an answer'), 'in both directions');


# history has lost some of it as well

if ($nginx->engine) {
    done_testing();
    exit;
}

kill STOP => $two;
send_many(600);
kill CONT => $two;

is(($ben->wait_close)[0], 1013, 'rather than skip any it closes');
is($ann->close, 2, 'others are not concerned');

my $back = client(user => 'ben');
my $answer = asks($back, 'resume', { channels => {
    'conversation:c1' => { epoch => $epoch, offset => 352 } } });
is($answer->{payload}{channels}{'conversation:c1'}{recovered}, false,
   'that can not be recovered');
is(grep({ $_->{type} eq 'chat:new_message' } $back->events), 50,
   'the last messages come instead');

$ann = client(user => 'ann');
joins($ann, 'c1', limit => 1);
says($ann, 'c1', 'after all');
ok(gets($back, 'after all'), 'and it goes on');


done_testing();
