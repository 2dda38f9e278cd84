#!/usr/bin/perl

# What goes on while the database is away, and what is refused: the table of
# docs/operations.md.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $nginx = rtprop_nginx(workers => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_drain 0;\n"
            . 'rtprop_postgres "' . $pg->conninfo . "\" grace=100ms;\n",
    location => 'rtprop_rate other off; rtprop_rate message off;');
$nginx->allow(qr/PostgreSQL, the/, qr/could not be|was not|unavailable/);

sub store_status { http()->get('/health')->{json}{store}{status} // '' }

$nginx->wait_until(sub { store_status() eq 'ok' });

conversation($_, 'ann', 'ben', 'cleo') for qw(c1 c2);
auction('a1');
api(PUT => '/api/properties/p1', { title => 'x', price => 1,
                                   status => 'available' });

my $ann = client(user => 'ann');
my $ben = client(user => 'ben');
my $agent = client(user => 'ada', role => 'agent');
my $joined = joins($ann, 'c1');
joins($ben, 'c1');
says($ann, 'c1', 'before');
my $said = gets($ben, 'before')->{payload}{id};
$ann->send_json('property:view', 'p1');
$ann->wait_for('property:state');
$ann->send_json('auction:join', 'a1');
$ann->wait_for('auction:state');

$pg->kill;
ok($nginx->wait_until(sub { store_status() ne 'ok' }),
   'the database is away');


sub goes_on {
    my ($ws, $type, $payload, $answer) = @_;
    is(asks($ws, $type, $payload)->{type}, $answer // 'ack',
       "$type goes on");
}


sub refused {
    my ($ws, $type, $payload) = @_;
    my $answer = asks($ws, $type, $payload);
    is($answer->{payload}{code}, 'unavailable', "$type is refused")
        or diag(explain($answer));
}


# ------------------------------------------------------------------ WebSocket

my $cleo = client(user => 'cleo');
is($cleo->status, 101, 'new ones are taken');
goes_on($cleo, 'ping', {}, 'pong');
goes_on($cleo, 'auth:refresh', { token => token(sub => 'cleo') },
        'auth:refreshed');
goes_on($ann, 'chat:history', { conversation_id => 'c1', limit => 1 },
        'chat:history');
$ann->send_json('chat:typing', { conversation_id => 'c1' });
ok($ben->wait_for('chat:user_typing'), 'chat:typing goes on');

refused($ann, 'chat:join', { conversation_id => 'c2' });
refused($cleo, 'chat:join', { conversation_id => 'c1' });
refused($ann, 'chat:send_message', { conversation_id => 'c1',
                                     content => 'x' });
refused($ben, 'chat:mark_read', { conversation_id => 'c1',
                                  message_id => $said });
refused($cleo, 'property:view', 'p1');
refused($cleo, 'property:subscribe', 'p1');
refused($cleo, 'auction:join', 'a1');
refused($ann, 'auction:bid', { auction_id => 'a1', amount => 10 ** 9 });
refused($ann, 'auction:history', { auction_id => 'a1' });
refused($cleo, 'presence:check_agent', 'ada');
refused($agent, 'presence:agent_busy', {});
refused($cleo, 'notification:list', {});
refused($cleo, 'notification:read', { all => true });

my $resumed = asks($cleo, 'resume', { channels => { 'conversation:c1' => {
    epoch => $joined->{epoch}, offset => $joined->{offset} } } });
is($resumed->{payload}{channels}{'conversation:c1'}{code}, 'unavailable',
   'a channel of a resume is refused');


# ----------------------------------------------------------------------- HTTP

sub status {
    my ($status, $method, $path, $body) = @_;
    is(api($method => "/api/$path", $body)->{status}, $status,
       "$method $path: $status");
}

status(200, GET => $_)
    for qw(properties/p1/viewers channels channels/conversation:c1
           users/ann/connections);
status(503, GET => $_)
    for qw(properties/p1 agents/ada auctions/a1 auctions/a1/bids
           conversations/c1 conversations/c1/messages);

status(200, DELETE => 'users/nobody/connections');
status(200, POST => 'publish', { channel => 'conversation:c1', type => 'x:y',
                                 payload => {}, volatile => true });
ok($ben->wait_for('x:y'), 'and is heard');
status(200, POST => 'publish', { channel => 'all', type => 'x:all',
                                 payload => {} });
ok($cleo->wait_for('x:all'), 'by all');
status(503, POST => 'publish', { channel => 'user:ann', type => 'x:z',
                                 payload => {} });
status(503, PUT => 'properties/p2', { title => 'y', price => 1,
                                      status => 'available' });
status(503, POST => 'broadcast/price-update', { property_id => 'p1',
                                                new_price => 2 });
status(503, POST => 'broadcast/notification', { user_id => 'ann',
                                                kind => 'system',
                                                title => 't' });


# -------------------------------------------------------------------- leaving

goes_on($ann, 'property:leave', 'p1');
is(api(GET => '/api/properties/p1/viewers')->{json}{count}, 0,
   'who leaves is not counted');
goes_on($ann, 'auction:leave', 'a1');
goes_on($ann, 'chat:leave', { conversation_id => 'c1' });

$pg->start;
ok($nginx->wait_until(sub { asks($cleo, 'property:view', 'p1')->{type}
                            eq 'property:state' }, 30), 'back: all goes on');

done_testing();
