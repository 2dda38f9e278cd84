#!/usr/bin/perl

# The agent whom a property names: its viewers hear of the agent, although no
# token lists the property.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(location => 'rtprop_user_connections 20;');

my %house = (title => 'House', status => 'available', price => 1000);

sub told {
    my ($ws, $id, $status) = @_;
    my $event = $ws->wait_for('presence:agent_status', sub {
        $_[0]{payload}{agent_id} eq $id && $_[0]{payload}{status} eq $status;
    });

    return $event && $event->{payload}{property_ids};
}

sub properties { api(GET => "/api/agents/$_[0]")->{json}{property_ids} }

api(PUT => '/api/properties/p1', { %house, agent_id => 'a1' });
api(PUT => '/api/properties/p2', { %house });

my @viewers = map { client(user => "v$_") } 1 .. 4;

for (@viewers) {
    $_->send_json('property:view', 'p1');
    $_->wait_for('property:state');
}

my $a1 = client(user => 'a1', role => 'agent');

is_deeply(told($_, 'a1', 'online'), ['p1'], 'viewers hear of the agent')
    for @viewers;

$a1->send_json('presence:agent_busy', { estimated_available => '15:00' });
is_deeply(told($viewers[0], 'a1', 'busy'), ['p1'], 'busy');


# beside those of a token

my $again = client(user => 'a1', role => 'agent',
                   claims => { property_ids => ['p2', 'p1'] });

is_deeply(told($viewers[0], 'a1', 'busy'), ['p2', 'p1'],
          'those of the token first, each once');


# another agent

my $a2 = client(user => 'a2', role => 'agent');

api(PUT => '/api/properties/p1', { %house, agent_id => 'a2' });
is_deeply(told($viewers[2], 'a2', 'online'), ['p1'], 'another agent');
is_deeply(properties('a2'), ['p1'], 'has it now');

api(PUT => '/api/properties/p1', { %house });
ok($nginx->wait_until(sub { !@{properties('a2')} }), 'and no longer');
is_deeply(properties('a1'), ['p2', 'p1'], 'a token still does');

done_testing();
