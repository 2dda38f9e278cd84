#!/usr/bin/perl

# Two instances, Redis away for long: they exchange through the database, who
# is there stays, who comes is let in; Redis comes back without its data, and
# nothing is missing, nothing is there twice.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $redis = RTProp::Redis->new;
$redis->start;

my @nginx = map {
    rtprop_nginx(workers => 1,
        allow => [qr/Redis|PostgreSQL|engine away|will be told later|rtprop:/],
        prefix => "rtprop_engine redis;\n"
                  . 'rtprop_redis ' . $redis->url
                  . " timeout=500ms retry=200ms;\n"
                  . "rtprop_redis_failover 500ms;\n"
                  . 'rtprop_postgres "' . $pg->conninfo . '";');
} 0, 1;

sub health {
    my ($n) = @_;
    return http(nginx => $nginx[$n])->get('/health')->{body} // '';
}

sub metric {
    my ($n, $name) = @_;
    my ($value) = (http(nginx => $nginx[$n])->get('/metrics')->{body} // '')
        =~ /^\Q$name\E (\S+)$/m;
    return $value // 0;
}

ok($nginx[0]->wait_until(sub {
    !grep { health($_) !~ /^\{"status":"ok"/ } 0, 1
}, 30), 'both stand') or diag(health(0), health(1));

is(api(PUT => '/api/conversations/c1', { participants => [qw(ann bob cid)] })
       ->{status}, 201, 'a conversation');

my $limits = {};
my $ann = client(nginx => $nginx[0], user => 'ann');
my $bob = client(nginx => $nginx[1], user => 'bob');
my %joined;

for my $ws ($ann, $bob) {
    $ws->send_json('chat:join', { conversation_id => 'c1' });
    $joined{$ws} = $ws->wait_for('chat:joined');
    ok($joined{$ws}, 'joined');
}


sub say {
    my ($ws, $text) = @_;
    $ws->send_json('chat:send_message', { conversation_id => 'c1',
                                          content => $text }, "i-$text");
    return $ws->wait_for('ack', sub { ($_[0]{id} // '') eq "i-$text" });
}


sub hears {
    my ($ws, $text) = @_;
    my $event = $ws->wait_for('chat:new_message',
                              sub { $_[0]{payload}{content} eq $text });
    return $event ? $event->{offset} : 'nothing';
}

ok(say($ann, 'one'), 'a message through Redis');
my $offset = hears($bob, 'one');
is($offset, 1, 'is heard on the other instance');


# ---------------------------------------------------------------- Redis goes

$redis->kill;

ok($nginx[0]->wait_until(sub {
    !grep { health($_) !~ /away, exchange by database/ } 0, 1
}, 30), 'Redis away: health says how they exchange');
like(health(0), qr/^\{"status":"degraded"/, 'and that it is degraded');
is(metric(0, 'rtprop_failover_active'), 1, 'so does a metric');

ok($nginx[0]->wait_until(sub {
    $pg->sql("SELECT count(*) FROM pg_stat_activity"
             . " WHERE query LIKE 'LISTEN \"rtprop_event%'") == 2
}, 30), 'both listen');

ok(say($ann, 'two'), 'a message is acknowledged');
is(hears($bob, 'two'), 2, 'and heard on the other instance');
is(hears($ann, 'two'), 2, 'and on this one');
ok(say($bob, 'three'), 'an answer');
is(hears($ann, 'three'), 3, 'is heard, too');

$pg->sql("SELECT rtprop.emit('conversation:c1', 'chat:news', '{}')");
is(($bob->wait_for('chat:news') // {})->{offset}, 4,
   'what the platform emits is heard');
cmp_ok(metric(0, 'rtprop_failover_events_total'), '>=', 1, 'counted');


# ----------------------------------------------------------- Redis comes back

$redis->start;

ok($nginx[0]->wait_until(sub {
    !grep { health($_) !~ /^\{"status":"ok"/ } 0, 1
}, 30), 'Redis is back: health is ok') or diag(health(0));
is(metric(0, 'rtprop_failover_active'), 0, 'by Redis again');

$offset = 4;

ok(say($ann, 'four'), 'a message');
is(hears($bob, 'four'), 5, 'is heard, the next in order');
ok(say($bob, 'five'), 'an answer');
is(hears($ann, 'five'), 6, 'is heard');

my $cid = client(nginx => $nginx[1], user => 'cid');
$cid->send_json('resume', { channels => { 'conversation:c1' => {
    epoch => $joined{$ann}{epoch}, offset => 1 } } });
my $resumed = $cid->wait_for('resumed');
ok($resumed->{payload}{channels}{'conversation:c1'}{recovered},
   'who comes later resumes over it all');

done_testing;
