#!/usr/bin/perl

# Agents: online by being connected, busy and offline by saying so, told to the
# viewers of their properties.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(location => 'rtprop_user_connections 20;');

my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

sub agent {
    my ($id, @properties) = @_;

    return client(user => $id, role => 'agent',
                  claims => { property_ids => \@properties });
}

sub check {
    my ($ws, $id) = @_;
    $ws->send_json('presence:check_agent', { agent_id => $id }, "check $id");
    return $ws->wait_for('presence:agent_status',
                         sub { ($_[0]{id} // '') eq "check $id" })->{payload};
}

sub told {
    my ($ws, $id, $status) = @_;
    my $event = $ws->wait_for('presence:agent_status', sub {
        !defined $_[0]{id} && $_[0]{payload}{agent_id} eq $id
        && $_[0]{payload}{status} eq $status;
    });

    return $event && !exists $event->{offset} && $event->{payload};
}


# nobody

my $ann = client(user => 'ann');
my $unknown = { agent_id => 'a1', status => 'offline', last_seen => undef,
                property_ids => [], estimated_available => undef,
                typical_reply_minutes => undef };

is_deeply(check($ann, 'a1'), $unknown, 'an agent who was never here');
is_deeply(api(GET => '/api/agents/a1')->{json}, $unknown, 'by HTTP, too');
is_deeply(check($ann, 'ann'), { %$unknown, agent_id => 'ann' },
          'who is no agent shows nothing');


# online

my @viewers = map { client(user => "v$_") } 1 .. 8;
my $watcher = client(user => 'w');

for my $n (0 .. 7) {
    $viewers[$n]->send_json('property:view', $n % 2 ? 'p1' : 'p2');
    $viewers[$n]->wait_for('property:state');
}

$watcher->send_json('property:subscribe', 'p1');
$watcher->wait_for('property:state');
$ann->send_json('property:view', 'p3');
$ann->wait_for('property:state');

my $a1 = agent('a1', 'p1', 'p2', 'p9');
my $payload;

ok($payload = told($_, 'a1', 'online'), 'viewers hear of the agent')
    for @viewers;
is_deeply($payload->{property_ids}, ['p1', 'p2', 'p9'], 'whose properties');
like($payload->{last_seen}, $time, 'seen now');
is(check($ann, 'a1')->{status}, 'online', 'online by being connected');
ok($ann->no_event('presence:agent_status'),
   'not told to viewers of other properties');
ok($watcher->no_event('presence:agent_status'), 'nor to watchers');
is(api(GET => '/api/agents/a1')->{json}{status}, 'online', 'by HTTP');
is(http->get('/public/agents/a1')->{json}{status}, 'online', 'by the public');

my @tabs = map { agent('a1', 'p1', 'p2', 'p9') } 1 .. 4;
$_->fence for @tabs, @viewers;
ok($viewers[0]->no_event('presence:agent_status'),
   'more connections change nothing');


# the state of a property shows its agent

my $a5 = agent('a5');
api(PUT => '/api/properties/p5', { title => 'T', status => 'sold',
    price => 1, agent_id => 'a5', agent => { name => 'Al' } });
$ann->send_json('property:view', 'p5');
$payload = $ann->wait_for('property:state')->{payload}{agent};
is("$payload->{id} $payload->{name} $payload->{status}", 'a5 Al online',
   'a property shows the status of its agent');


# how long an agent lets people wait

api(PUT => '/api/conversations/c1', { participants => [qw(ann a1)] });

for my $ws ($ann, $a1) {
    $ws->send_json('chat:join', 'c1');
    $ws->wait_for('chat:joined');
}

sub say {
    my ($ws, $text) = @_;
    $ws->send_json('chat:send_message', { conversation_id => 'c1',
                                          content => $text });
    $_->wait_for('chat:new_message',
                 sub { $_[0]{payload}{content} eq $text }) for $ann, $a1;
}

say($a1, 'hello');
is(check($ann, 'a1')->{typical_reply_minutes}, undef, 'unknown at first');
say($ann, 'is it still free?');
say($ann, 'hello?');
say($a1, 'it is');
ok($nginx->wait_until(sub {
    defined api(GET => '/api/agents/a1')->{json}{typical_reply_minutes};
}), 'then it is known');
is(check($ann, 'a1')->{typical_reply_minutes}, 1, 'up to a minute');
ok($viewers[0]->no_event('presence:agent_status'), 'which is no news');


# busy

$a1->send_json('presence:agent_busy', { estimated_available => '14:30' }, 1);
is_deeply($a1->wait_for('ack')->{payload}, {}, 'busy');
ok($payload = told($_, 'a1', 'busy'), 'is told') for @viewers;
is($payload->{estimated_available}, '14:30', 'with the time');
is(check($ann, 'a1')->{status}, 'busy', 'and known');

$a1->send_json('presence:agent_busy', {}, 2);
$a1->wait_for('ack', sub { $_[0]{id} == 2 });
is(told($_, 'a1', 'busy')->{estimated_available}, undef,
   'busy without a time') for @viewers;

for my $bad ([], 'x' x 201, { a => 1 }, -1, 1.5) {
    $a1->send_json('presence:agent_busy', { estimated_available => $bad },
                   'bad');
    my $error = $a1->wait_for('error')->{payload};
    is("$error->{code} $error->{field}",
       'invalid_payload estimated_available', 'a bad time');
}


# offline while connected, and back

$tabs[0]->send_json('presence:agent_offline', {}, 3);
ok($tabs[0]->wait_for('ack'), 'offline, from another tab');
ok(told($_, 'a1', 'offline'), 'is told') for @viewers;
is(check($ann, 'a1')->{status}, 'offline', 'and known');

$a1->send_json('presence:agent_online', {}, 4);
ok(told($_, 'a1', 'online'), 'online again') for @viewers;

$a1->send_json('presence:agent_online', {}, 5);
ok($a1->wait_for('ack', sub { $_[0]{id} == 5 }), 'said again');
ok($viewers[0]->no_event('presence:agent_status'), 'is not told again');


# only agents

for my $type (qw(agent_online agent_busy agent_offline)) {
    $ann->send_json("presence:$type", {}, $type);
    is($ann->wait_for('error', sub { $_[0]{id} eq $type })->{payload}{code},
       'not_authorized', "$type needs the role");
}

for my $bad ({}, { agent_id => '' }, { agent_id => [] }, []) {
    $ann->send_json('presence:check_agent', $bad, 'bad');
    is($ann->wait_for('error')->{payload}{code}, 'invalid_payload',
       'a bad question');
}


# disconnected

$_->close for @tabs;
$_->fence for @viewers;
ok($viewers[0]->no_event('presence:agent_status'),
   'the last connection counts');
$a1->drop;
ok($payload = told($_, 'a1', 'offline'), 'offline') for @viewers;
like($payload->{last_seen}, $time, 'since when');
is(check($ann, 'a1')->{last_seen}, $payload->{last_seen}, 'and it is kept');


# what was said holds over a short absence

$a1 = agent('a1');
is_deeply(told($viewers[0], 'a1', 'online')->{property_ids},
          ['p1', 'p2', 'p9'], 'a token without properties changes none');
$a1->send_json('presence:agent_busy', {}, 6);
told($_, 'a1', 'busy') for @viewers;
$a1->close;
told($_, 'a1', 'offline') for @viewers;
$a1 = agent('a1', 'p1');
ok(told($viewers[1], 'a1', 'busy'), 'busy before, busy after');
ok($viewers[0]->no_event('presence:agent_status'),
   'a property taken from the agent is not told');

$a1->close;
ok(told($viewers[1], 'a1', 'offline'), 'gone');


# a killed worker takes its agents with it

my @agents = map { agent("k$_", 'p3') } 1 .. 12;
ok(told($ann, "k$_", 'online'), "agent k$_ is there") for 1 .. 12;

my @killed;

for my $pid ($nginx->workers) {
    $nginx->kill_worker($pid);
    @killed = grep { !$agents[$_ - 1]->fence } 1 .. 12;
    last if @killed;
}

cmp_ok(@killed, '>', 0, 'a killed worker had agents');
my $alive = $ann->fence;

for my $n (@killed) {
    ok($nginx->wait_until(sub {
        api(GET => "/api/agents/k$n")->{json}{status} eq 'offline';
    }), "k$n is offline");
    ok(told($ann, "k$n", 'offline'), 'and that is told') if $alive;
}


# a reload: agents come back, what is known stays

$nginx->reload;
$_->fence ? $_->wait_close : 0, $_->drop for @viewers, $watcher, $ann, $a5,
    @agents;
ok($nginx->wait_drained, 'the old workers leave');
is_deeply(api(GET => '/api/agents/a1')->{json}{property_ids}, ['p1'],
          'what is known of an agent survives a reload');

my $k1 = agent('k1', 'p3');
is(check($k1, 'k1')->{status}, 'online', 'and who comes back is online');

done_testing();
