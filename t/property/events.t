#!/usr/bin/perl

# What viewers and watchers are told of a property, and what is resumed.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

rtprop_nginx();

my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

sub broadcast { api(POST => "/api/broadcast/$_[0]", $_[1]) }


# The event's payload without its time, which is checked; the frame in $_[0].

sub told {
    my ($event, $time_key) = @_;
    my %p = %{$event->{payload} || {}};

    like(delete $p{updated_at}, $time, "$event->{type}: its time");
    return \%p;
}


api(PUT => '/api/properties/p1',
    { title => 'House', status => 'available', price => 1000 });

my @viewers = map { client(user => "v$_") } 1 .. 4;
my @watchers = map { client(user => "w$_") } 1 .. 4;

for (@viewers) {
    $_->send_json('property:view', 'p1');
    $_->wait_for('property:state');
}

for (@watchers) {
    $_->send_json('property:subscribe', 'p1');
    $_->wait_for('property:state');
}


# status

is_deeply(broadcast('property-status', {
              property_id => 'p1', new_status => 'under_offer' })->{json},
          { success => true, offset => 1,
            epoch => api(GET => '/api/channels/property:p1')->{json}{epoch} },
          'the answer is the place of the event');

for my $ws (@viewers, @watchers) {
    my $event = $ws->wait_for('property:status_changed');
    is("$event->{channel} $event->{offset}", 'property:p1 1', 'reliable');
    is_deeply(told($event), { property_id => 'p1', title => 'House',
        old_status => 'available', new_status => 'under_offer' },
        'status, the old one from what is kept');
}

is(api(GET => '/api/properties/p1')->{json}{status}, 'under_offer',
   'and it is kept');

broadcast('property-status', { property_id => 'p1', new_status => 'sold',
    old_status => 'rented', title => 'Villa' });
is_deeply(told($viewers[0]->wait_for('property:status_changed')),
          { property_id => 'p1', title => 'Villa', old_status => 'rented',
            new_status => 'sold' }, 'or as posted');


# price

my $price = sub {
    my ($new, $old, $percent, $drop, $more) = @_;

    broadcast('price-update',
              { property_id => 'p1', new_price => $new, %{$more || {}} });
    is_deeply(told($watchers[0]->wait_for('property:price_updated')),
              { property_id => 'p1', title => 'Villa', old_price => $old,
                new_price => $new, percentage_change => $percent,
                is_price_drop => $drop }, "$old to $new: $percent %");
};

$price->(900, 1000, -10, true);
$price->(901, 900, 0.1, false);
$price->(601, 901, -33.3, true);
$price->(800, 400, 100, false, { old_price => 400 });


# the others; fields flat or in data, the event's name with or without prefix

for my $type (qw(new_photos_added open_house_scheduled property_featured
                 virtual_tour_available))
{
    broadcast('property', { property_id => 'p1', event => $type,
                            starts_at => 'noon', camelCase => [1] });
    is_deeply(told($viewers[1]->wait_for("property:$type")),
              { property_id => 'p1', starts_at => 'noon', camelCase => [1] },
              "$type: as posted");

    broadcast('property', { property_id => 'p1', event => "property:$type",
                            data => { photos => 2 } });
    is_deeply(told($viewers[1]->wait_for("property:$type")),
              { property_id => 'p1', photos => 2 }, "$type: data");
}

broadcast('property', { property_id => 'p1', event => 'activity_update',
    data => { wishlist_today => 4, viewings_this_week => 9 } });
is_deeply($viewers[1]->wait_for('property:activity_update')->{payload},
          { property_id => 'p1', wishlist_today => 4,
            viewings_this_week => 9 }, 'activity');

broadcast('property', { property_id => 'p1', event => 'price_updated',
                        new_price => 800 });
is($viewers[1]->wait_for('property:price_updated',
                         sub { $_[0]{payload}{old_price} == 800 })
              ->{payload}{percentage_change}, 0, 'any event that way');


# a PUT that changes status or price tells so

sub put {
    my ($status, $price) = @_;
    return api(PUT => '/api/properties/p1', { title => 'Loft',
               status => $status, price => $price })->{json}{version};
}

$_->fence && $_->clear for @viewers;
put('available', 1600);
is_deeply(told($viewers[2]->wait_for('property:status_changed')),
          { property_id => 'p1', title => 'Loft', old_status => 'sold',
            new_status => 'available' }, 'status by PUT');
is_deeply(told($viewers[2]->wait_for('property:price_updated')),
          { property_id => 'p1', title => 'Loft', old_price => 800,
            new_price => 1600, percentage_change => 100,
            is_price_drop => false }, 'price by PUT');

$viewers[2]->fence && $viewers[2]->clear;
my $version = put('available', 1600);
put('available', 1600);
ok($viewers[2]->no_event('property:status_changed')
   && $viewers[2]->no_event('property:price_updated'),
   'one that changes neither does not');
is(api(GET => '/api/properties/p1')->{json}{version}, $version + 1,
   'though it is a version');


# nobody else hears it

my $other = client(user => 'other');
$other->send_json('property:view', 'p2');
$other->wait_for('property:state');
broadcast('property', { property_id => 'p1', event => 'property_featured' });
$viewers[3]->wait_for('property:property_featured',
                      sub { !exists $_[0]{payload}{photos} });
ok($other->no_event('property:property_featured'), 'another property is quiet');


# resuming: what was missed comes in order, then the answer

$viewers[0]->close;

my $back = client(user => 'v1');
$back->send_json('property:view', 'p1');
my $at = $back->wait_for('property:state');
$back->drop;

broadcast('price-update', { property_id => 'p1', new_price => $_ })
    for 2000, 3000;

$back = client(user => 'v1');
$back->send_json('resume', { channels => { 'property:p1' => {
    epoch => $at->{epoch}, offset => $at->{offset} } } }, 5);
is($back->wait_for('property:price_updated')->{payload}{new_price}, $_,
   'what was missed') for 2000, 3000;

is_deeply($back->wait_for('resumed')->{payload}{channels}{'property:p1'},
          { recovered => true, missed => 2, epoch => $at->{epoch},
            offset => $at->{offset} + 2 }, 'resumed');
ok($back->no_event('property:state'), 'without a state');
ok($back->wait_for('property:viewer_count'), 'and is a viewer again');

broadcast('price-update', { property_id => 'p1', new_price => 4000 });
is($back->wait_for('property:price_updated')->{payload}{new_price}, 4000,
   'live again');

my $lost = client(user => 'v1');
$lost->send_json('resume', { channels => { 'property:p1' => {
    epoch => '0123456789abcdef', offset => 3 } } }, 6);
my $state = $lost->wait_for('property:state');
is($state->{payload}{price}, 4000, 'an unknown epoch gets the state');
is($state->{epoch}, $at->{epoch}, 'with its place');
ok(!exists $state->{id}, 'without an id');
is_deeply($lost->wait_for('resumed')->{payload}{channels}{'property:p1'},
          { recovered => false, missed => undef, epoch => $at->{epoch},
            offset => $at->{offset} + 3 }, 'and knows that it missed some');

$watchers[1]->send_json('resume', { channels => { 'property:p1' => {
    epoch => $at->{epoch}, offset => $at->{offset} } } });
$watchers[1]->wait_for('resumed');
ok($watchers[1]->no_event('property:viewer_count'),
   'a watcher that resumes stays a watcher');

done_testing();
