#!/usr/bin/perl

# A worker that was stopped for a while: what the ring has lost meanwhile is
# read from history; of what history has lost, too, they are told, and get the
# state instead.

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
my $answered = says($ben, 'c1', 'an answer');
ok($answered, 'in both directions');


# history has lost some of it as well

if ($nginx->engine) {
    done_testing();
    exit;
}

my $last = $answered->{offset} + 600;

$ben->clear;
kill STOP => $two;
send_many(600);
kill CONT => $two;

my $state = $ben->wait_for('chat:joined');
my $told = $ben->wait_for('resumed')->{payload}{channels};
is_deeply($told, { 'conversation:c1' => { recovered => false, missed => undef,
    epoch => $epoch, offset => $state->{offset} } },
    'rather than skip any silently it tells');
is($state->{offset}, $last, 'and gives the state');

my @newest = grep { $_->{type} eq 'chat:new_message' } $ben->events;
is_deeply([map { $_->{offset} } @newest], [$last - 49 .. $last],
          'with the last messages, once and in order');
is(grep({ $_->{type} =~ /chat:joined|resumed/ } $ann->events), 0,
   'others are not concerned');
is(metric('rtprop_hub_anew_total'), 1, 'it is counted');

my $back = client(user => 'ben');
my $answer = asks($back, 'resume', { channels => {
    'conversation:c1' => { epoch => $epoch, offset => 352 } } });
is($answer->{payload}{channels}{'conversation:c1'}{recovered}, false,
   'who comes back to that place is told, too');
$_->clear for $ben, $back;

says($ann, 'c1', 'after all');
is(gets($_, 'after all')->{offset}, $last + 1, 'and it goes on')
    for $ben, $back;


done_testing();
