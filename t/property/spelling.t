#!/usr/bin/perl

# Keys of events of properties, agents and notifications in camelCase, and in
# both spellings; what they count.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

rtprop_nginx(server => RTProp::Test::standard_server('') . <<'END');
    location /camel {
        rtprop native;
        rtprop_jwt_key jwt.key;
        rtprop_field_case camel;
    }

    location /both {
        rtprop native;
        rtprop_jwt_key jwt.key;
        rtprop_field_case both;
    }
END

my $camel = client(user => 'c', path => '/camel');
my $both = client(user => 'b', path => '/both');

api(PUT => '/api/properties/p1', { title => 'T', status => 'available',
    price => 100, agent_id => 'a1', my_own => { still_mine => 1 } });

for my $ws ($camel, $both) {
    $ws->send_json('property:view', { propertyId => 'p1' });
    $ws->{state} = $ws->wait_for('property:state')->{payload};
}

is($camel->{state}{propertyId}, 'p1', 'a state in camelCase');
is_deeply($camel->{state}{my_own}, { still_mine => 1 }, "the host's keys stay");
is($camel->{state}{agent}{agentId}, 'a1', 'the agent in it');
ok(!exists $camel->{state}{property_id}, 'alone');
is("$both->{state}{viewer_count} $both->{state}{viewerCount}", '2 2',
   'both spellings');

is($camel->wait_for('property:viewer_count',
                    sub { ($_[0]{payload}{viewerCount} // 0) == 2 })
         ->{payload}{propertyId}, 'p1', 'a number of viewers');

api(POST => '/api/broadcast/price-update',
    { propertyId => 'p1', newPrice => 90 });
my $price = $camel->wait_for('property:price_updated')->{payload};
is("$price->{oldPrice} $price->{newPrice} $price->{percentageChange}",
   '100 90 -10', 'a price');
$price = $both->wait_for('property:price_updated')->{payload};
is("$price->{old_price} $price->{newPrice} $price->{percentage_change}",
   '100 90 -10', 'in both');

api(POST => '/api/broadcast/property', { property_id => 'p1',
    event => 'new_photos_added', photo_count => 3 });
my $photos = $camel->wait_for('property:new_photos_added')->{payload};
is_deeply([map { defined } @{$photos}{qw(propertyId updatedAt photo_count)}],
          ['1', '1', '1'], 'fields as posted stay as posted');

$camel->send_json('presence:check_agent', { agentId => 'a1' });
my $agent = $camel->wait_for('presence:agent_status')->{payload};
is_deeply([sort keys %$agent],
          [qw(agentId estimatedAvailable lastSeen propertyIds status
              typicalReplyMinutes)], 'an agent');

api(POST => '/api/broadcast/notification', { userId => 'c', kind => 'k',
    title => 'T', data => { created_at => 1 } });
my $note = $camel->wait_for('notification')->{payload};
ok($note->{createdAt} && exists $note->{readAt}, 'a notification');
is_deeply($note->{data}, { created_at => 1 }, 'whose data stay');
$camel->send_json('notification:list', {});
is($camel->wait_for('notification:list')->{payload}{unreadCount}, 1,
   'the list of them');


# counters

my $metrics = http->get('/metrics')->{body};

for my $name (qw(property_views_total property_changes_total
                 property_counts_total notification_sent_total))
{
    like($metrics, qr/^rtprop_$name(?:\{[^}]*\})? [1-9]/m, "rtprop_$name");
}

like($metrics, qr/^# TYPE rtprop_presence_changes_total counter$/m,
     'rtprop_presence_changes_total');

done_testing();
