#!/usr/bin/perl

# Two instances, Redis away for long: they exchange through the database, who
# is there stays, who comes is let in; Redis comes back without its data, and
# nothing is missing, nothing is there twice.

use strict;
use warnings;

use Time::HiRes qw(time);

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $redis = RTProp::Redis->new;
$redis->start;

# workers of both, together
use constant WORKERS => 5;

my @nginx = map {
    rtprop_nginx(workers => $_ ? 1 : 4,
        allow => [qr/Redis|PostgreSQL|engine away|will be told later|rtprop:/],
        prefix => "rtprop_engine redis;\n"
                  . 'rtprop_redis ' . $redis->url
                  . " timeout=500ms retry=200ms;\n"
                  . "rtprop_redis_failover 1s;\n"
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
    my ($ws, $text, $id) = @_;
    $ws->send_json('chat:send_message', { conversation_id => $id // 'c1',
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



# What is to come: an auction's end, notifications.

sub notify_at {
    my ($title, $at) = @_;
    return api(POST => '/api/broadcast/notification', { user_id => 'ann',
        kind => 'custom', title => $title, deliver_at => iso($at) })
        ->{json}{scheduled};
}

sub notified {
    my ($title) = @_;
    return $ann->wait_for('notification',
                          sub { $_[0]{payload}{title} eq $title });
}

my $ends = now_ms() + 7000;
auction('a1', ends_in => 7000, extend_window_ms => 0);

for my $ws ($ann, $bob) {
    $ws->send_json('auction:join', { auction_id => 'a1' });
    ok($ws->wait_for('auction:state'), 'in an auction');
}

is(notify_at('due while Redis is away', $ends), 1, 'a notification to come');

my $kate = client(nginx => $nginx[0], user => 'kate', role => 'agent');
$kate->send_json('presence:agent_online', {}, 'k');
ok($kate->wait_for('ack'), 'an agent');


# ---------------------------------------------------------------- Redis goes

my $away = time;
$redis->kill;

ok($nginx[0]->wait_until(sub { metric(0, 'rtprop_failover_active') }, 30),
   'Redis away: they exchange through the database');
cmp_ok(time - $away, '>=', 1, 'but not before the time that is said');

ok($nginx[0]->wait_until(sub {
    !grep { health($_) !~ /away, exchange by database/ } 0, 1
}, 30), 'health says so');
like(health(0), qr/^\{"status":"degraded"/, 'and that it is degraded');
ok($nginx[0]->wait_until(sub {
    metric(0, 'rtprop_failover_active') == 4
}), 'so does a metric');

ok($nginx[0]->wait_until(sub {
    $pg->sql("SELECT count(*) FROM pg_stat_activity"
             . " WHERE query LIKE 'LISTEN \"rtprop_event%'") == WORKERS
}, 30), 'all listen');

ok(say($ann, 'two'), 'a message is acknowledged');
is(hears($bob, 'two'), 2, 'and heard on the other instance');
is(hears($ann, 'two'), 2, 'and on this one');
ok(say($bob, 'three'), 'an answer');
is(hears($ann, 'three'), 3, 'is heard, too');

$pg->sql("SELECT rtprop.emit('conversation:c1', 'chat:news', '{}')");
is(($bob->wait_for('chat:news') // {})->{offset}, 4,
   'what the platform emits is heard');
cmp_ok(metric(0, 'rtprop_failover_events_total'), '>=', 1, 'counted');



# ------------------------------------------ who comes, where nobody was before

my $dan = client(nginx => $nginx[1], user => 'dan');
ok($dan, 'a new connection is let in');

sub asks {
    my ($ws, $type, $payload, $answer) = @_;
    $ws->send_json($type, $payload, "$type-1");
    return $ws->wait_for($answer,
                         sub { ($_[0]{id} // '') eq "$type-1" }) // {};
}

is(api(PUT => '/api/conversations/c2', { participants => [qw(ann dan)] })
       ->{status}, 201, 'a conversation is made');

for my $ws ($ann, $dan) {
    my $in = asks($ws, 'chat:join', { conversation_id => 'c2' },
                  'chat:joined');
    is($in->{offset}, 0, 'is joined');
    is_deeply([map { $_->{online} } @{$in->{payload}{participants}}],
              [undef, undef], 'who is online is not known');

    my $state = asks($ws, 'property:view', { property_id => 'p9' },
                     'property:state');
    ok(exists $state->{payload}{viewer_count}
       && !defined $state->{payload}{viewer_count},
       'a property is viewed, by how many is not known');
}

is(say($dan, 'new', 'c2')->{type}, 'ack', 'a message there');
is(hears($ann, 'new'), 1, 'is heard');
api(PUT => '/api/properties/p9', { title => 'House', status => 'available',
                                   price => 5 });
api(POST => '/api/broadcast/price-update', { property_id => 'p9',
                                             new_price => 7 });
is(($_->wait_for('property:price_updated') // {})->{payload}{new_price}, 7,
   'so is a price') for $ann, $dan;

auction('a2');

for my $ws ($ann, $dan) {
    my $in = asks($ws, 'auction:join', { auction_id => 'a2' },
                  'auction:state');
    ok(exists $in->{payload}{active_bidders}
       && !defined $in->{payload}{active_bidders},
       'an auction is joined, with how many is not known');
}

is(codes($dan, a2 => 1100), 'accepted', 'a bid');
is(($ann->wait_for('auction:new_bid') // {})->{payload}{bid}{amount}, 1100,
   'is heard');

is(asks($ann, 'presence:check_agent', { agent_id => 'kate' }, qr/./)
       ->{payload}{code}, 'unavailable', 'nobody says that an agent is away');
is(api(GET => $_)->{status}, 503, "nor who is there: $_")
    for '/api/properties/p9/viewers', '/api/users/dan/connections',
        '/api/channels?prefix=a';
is(api(POST => '/api/publish', { channel => 'all', type => 'news',
                                 payload => {} })->{status}, 503,
   'nothing is told to all');
is(api(POST => '/api/publish', { channel => 'user:ann', type => 'news',
    payload => {} }, 'Idempotency-Key' => 'k1')->{status}, 503,
   'nobody says that a request was not made before');

my $lea = client(nginx => $nginx[1], user => 'lea', role => 'agent',
                 claims => { property_ids => ['p9'] });

my @eve = map { client(nginx => $nginx[1], user => 'eve') } 1 .. 5;
is(client(nginx => $nginx[1], user => 'eve', welcome => 0)->status, 429,
   'a user has so many connections and no more');

is(notify_at('scheduled while Redis is away', $ends + 500), 1,
   'a notification is scheduled');
is(notify_at('due when Redis is back', $ends + 3500), 1, 'and another one');

for my $ws ($ann, $bob) {
    my $ended = $ws->wait_for('auction:ended', undef, 10);
    my $late = now_ms() - $ends;
    ok($ended, 'an auction\'s end is heard');
    cmp_ok($late, '<', 2000, 'in time');
}

ok(notified("$_ while Redis is away"), "a notification $_ meanwhile")
    for 'due', 'scheduled';
cmp_ok(metric(0, 'rtprop_durable_ran_total')
       + metric(1, 'rtprop_durable_ran_total'), '>=', 3,
       'that were run from the database');
is($pg->sql('SELECT count(*) FROM rtprop.job'), 1, 'and are done');
is($pg->sql("SELECT count(*) FROM rtprop.lease WHERE name = 'durable-jobs'"
            . ' AND until > clock_timestamp()'), 1, 'by one worker');


# ----------------------------------------------------------- Redis comes back

$redis->start;

ok($nginx[0]->wait_until(sub {
    !grep { health($_) !~ /^\{"status":"ok"/ } 0, 1
}, 30), 'Redis is back: health is ok') or diag(health(0));
ok($nginx[0]->wait_until(sub {
    !grep { metric($_, 'rtprop_failover_active') } 0, 1
}), 'by Redis again');

$offset = 4;

ok($nginx[0]->wait_until(sub {
    my $viewers = api(GET => '/api/properties/p9/viewers')->{json};
    return ($viewers->{count} // 0) == 2;
}), 'who came meanwhile is counted');
is(($ann->wait_for('property:viewer_count', sub {
    $_[0]{payload}{property_id} eq 'p9' && $_[0]{payload}{count} == 2
}, 10) // {})->{type}, 'property:viewer_count', 'which the others hear');
ok($ann->wait_for('chat:user_joined', sub {
    $_[0]{payload}{user_id} eq 'dan'
}, 10), 'so that he is in the conversation');
ok($ann->wait_for('auction:bidder_joined', sub {
    $_[0]{payload}{auction_id} eq 'a2'
}, 10), 'and in the auction');
is($ann->wait_for('presence:agent_status', undef, 10)->{payload}{status},
   'online', 'and of an agent');
is(api(GET => '/api/users/dan/connections')->{json}{count}, 1, 'once');
is(api(GET => '/api/users/eve/connections')->{json}{count}, 5,
   'but for those who were sent away');
$dan->close;
is(($ann->wait_for('property:viewer_count') // {})->{payload}{count}, 1,
   'and who leaves then is not');

ok(notified('due when Redis is back'), 'what was scheduled meanwhile is done');

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

# so far behind that more was said than a channel begins with

$pg->sql(<<'END');
SELECT count(*) FROM rtprop.append(true,
    array_fill('conversation:c1'::text, ARRAY[150]),
    array_fill('chat:news'::text, ARRAY[150]),
    array_fill('{}'::text, ARRAY[150]),
    (SELECT array_agg(i::bigint) FROM generate_series(1, 150) i),
    array_fill(''::text, ARRAY[150]), array_fill(0::bigint, ARRAY[150]),
    array_fill(0::bigint, ARRAY[150]), array_fill(''::text, ARRAY[150]),
    7, false)
END
my $eva = client(nginx => $nginx[0], user => 'bob');
$eva->send_json('resume', { channels => { 'conversation:c1' => {
    epoch => $joined{$ann}{epoch}, offset => 156 } } });
$resumed = $eva->wait_for('resumed');
is_deeply([@{$resumed->{payload}{channels}{'conversation:c1'}}
             {qw(recovered offset)}], [JSON::PP::true, 156],
          'who has heard more than Redis knows of has missed nothing');

# Redis falls back behind what was heard here, and is brought up again: who
# comes in between hears it all

$redis->call(HSET => 'rtprop:{conversation:c1}:c', 'o', 150);
$redis->call(RPOP => 'rtprop:{conversation:c1}:h', 6);
my $flo = client(nginx => $nginx[1], user => 'cid');
$flo->send_json('resume', { channels => { 'conversation:c1' => {
    epoch => $joined{$ann}{epoch}, offset => 150 } } });
ok($flo->wait_for('resumed'), 'resumed with less than others have heard');
ok(say($bob, 'six'), 'a message');
my @heard;
while (!@heard || $heard[-1] != 157) {
    my $event = $flo->wait_for(qr/^chat:new/, sub {
        ($_[0]{channel} // '') eq 'conversation:c1' }) or last;
    push @heard, $event->{offset};
}
is_deeply(\@heard, [151 .. 157], 'nothing is left out');

done_testing;
