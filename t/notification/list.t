#!/usr/bin/perl

# A user's notifications: told to all connections, listed, read, resumed.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

rtprop_nginx(location => 'rtprop_user_connections 20;');

my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

sub notify { api(POST => '/api/broadcast/notification', @_) }

sub list {
    my ($ws, %args) = @_;
    $ws->send_json('notification:list', \%args, 'l');
    return $ws->wait_for('notification:list');
}

sub unread {
    my ($ws, $n) = @_;
    return $ws->wait_for('notification:unread',
                         sub { $_[0]{payload}{unread_count} == $n });
}


# to every connection of the user

my @ann = map { client(user => 'ann') } 1 .. 8;
my $bob = client(user => 'bob');

my $answer = notify({ user_id => 'ann', kind => 'price_drop',
    data => { property_title => 'Loft', new_price => 1200000,
              camelCase => { snake_case => 1 } },
    actions => [{ label => 'View', url => '/p/1' }] });

is($answer->{status}, 200, 'sent');
is($answer->{json}{success}, true, 'success');
is($answer->{json}{offset}, 1, 'offset');
like($answer->{json}{epoch}, qr/^[0-9a-f]{16}$/, 'epoch');
is($answer->{json}{delivered}, 1, 'to one user');

for my $ws (@ann) {
    my $event = $ws->wait_for('notification');
    my %p = %{$event->{payload}};

    is("$event->{channel} $event->{offset}", 'user:ann 1', 'reliable');
    is(delete $p{id}, $answer->{json}{id}, 'its id');
    like(delete $p{created_at}, $time, 'its time');
    is_deeply(\%p, { kind => 'price_drop', category => 'property',
        priority => 'instant', title => 'Price drop: Loft',
        body => 'Now 1,200,000, before higher', read_at => undef,
        data => { property_title => 'Loft', new_price => 1200000,
                  camelCase => { snake_case => 1 } },
        actions => [{ label => 'View', url => '/p/1' }] }, 'and the rest');
}

ok($bob->no_event('notification'), 'nobody else hears it');


# listed, newest first

my @ids = ($answer->{json}{id},
           map { notify({ user_ids => ['ann'], kind => 'custom',
                          title => "n$_", body => 'b' })->{json}{id} } 2 .. 5);
$ann[0]->wait_for('notification', sub { $_[0]{payload}{title} eq 'n5' });

my $list = list($ann[0]);
is($list->{id}, 'l', 'the list answers its command');
is($list->{channel}, 'user:ann', 'with a place to resume from');
is($list->{offset}, 5, 'after the last');
is($list->{epoch}, $answer->{json}{epoch}, 'in its epoch');
is($list->{payload}{unread_count}, 5, 'five are unread');
is_deeply([map { $_->{id} } @{$list->{payload}{notifications}}],
          [reverse @ids], 'newest first');
is($list->{payload}{notifications}[0]{category}, 'other', 'of other kinds');

is_deeply([map { $_->{title} } @{list($ann[1], limit => 2)->{payload}
                                 {notifications}}], ['n5', 'n4'], 'a limit');
is_deeply([map { $_->{title} } @{list($ann[1], limit => 2, before => $ids[3])
                                 ->{payload}{notifications}}], ['n3', 'n2'],
          'before one');
is_deeply(list($ann[1], before => $ids[0])->{payload}{notifications}, [],
          'before the first');
is_deeply(list($bob)->{payload}, { notifications => [], unread_count => 0 },
          'another user has none');


# read: one, all; every connection hears how many are left

$ann[2]->send_json('notification:read', { id => $ids[1] }, 1);
is_deeply($ann[2]->wait_for('ack')->{payload}, {}, 'read');
ok(unread($_, 4), 'four are left, on all connections') for @ann;

my ($read) = grep { $_->{id} eq $ids[1] }
             @{list($ann[0])->{payload}{notifications}};
like($read->{read_at}, $time, 'when it was read');

$ann[2]->send_json('notification:read', $ids[2], 2);
ok($ann[2]->wait_for('ack', sub { $_[0]{id} == 2 }), 'a bare id will do');
ok(unread($_, 3), 'three are left') for @ann;

$ann[2]->send_json('notification:read', { id => $ids[2] }, 3);
ok($ann[2]->wait_for('ack', sub { $_[0]{id} == 3 }), 'read again');
ok(unread($ann[2], 3), 'whoever asked is told');
ok($ann[3]->no_event('notification:unread'), 'the others knew');

$ann[4]->send_json('notification:read', { all => true }, 4);
ok(unread($_, 0), 'none is left') for @ann;
is(list($ann[5])->{payload}{unread_count}, 0, 'nor in the list');

$bob->send_json('notification:read', { id => $ids[0] }, 5);
is($bob->wait_for('error', sub { $_[0]{id} == 5 })->{payload}{code},
   'not_found', "another user's cannot be read");

for my $bad ({}, { all => false }, { id => [] }, { id => '' },
             { all => 'yes' }, [])
{
    $bob->send_json('notification:read', $bad, 'bad');
    is($bob->wait_for('error')->{payload}{code}, 'invalid_payload',
       'a bad payload');
}

for my $bad ({ limit => 0 }, { limit => 101 }, { limit => 'x' },
             { before => {} }, [1])
{
    $bob->send_json('notification:list', $bad, 'bad');
    is($bob->wait_for('error')->{payload}{code}, 'invalid_payload',
       'a bad list');
}


# many users at once

my @many = map { "m$_" } 1 .. 300;
my $first = client(user => 'm1');
my $last = client(user => 'm300');

$answer = notify({ user_ids => \@many, kind => 'new_message' });
is_deeply([@{$answer->{json}}{qw(success delivered epoch offset)}],
          [true, 300, undef, undef], 'to three hundred users');
is($_->wait_for('notification')->{payload}{id}, $answer->{json}{id},
   'with one id') for $first, $last;
is(list(client(user => 'm150'))->{payload}{unread_count}, 1,
   'who was away finds it later');


# what came while nobody was connected is resumed

my $at = { epoch => $list->{epoch}, offset => list($ann[0])->{offset} };
$_->close for @ann;
notify({ user_id => 'ann', kind => 'custom', title => "late $_" }) for 1, 2;

my $back = client(user => 'ann');
$back->send_json('resume', { channels => { 'user:ann' => $at } });
is($back->wait_for('notification')->{payload}{title}, "late $_",
   'what was missed') for 1, 2;
is($back->wait_for('resumed')->{payload}{channels}{'user:ann'}{missed}, 2,
   'two');

done_testing();
