#!/usr/bin/perl

# Viewers of a killed worker vanish; properties survive it and a reload.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;
use Time::HiRes qw(time);

my $nginx = rtprop_nginx();

api(PUT => '/api/properties/p1',
    { title => 'House', status => 'available', price => 1000 });


# The last number that a connection hears is this one.

sub counts {
    my ($ws, $n, $timeout) = @_;
    return $ws->wait_for('property:viewer_count',
                         sub { $_[0]{payload}{count} == $n }, $timeout);
}

sub view {
    my ($user) = @_;
    my $ws = client(user => $user);
    $ws->send_json('property:view', 'p1');
    $ws->{state} = $ws->wait_for('property:state');
    return $ws;
}


# a killed worker

my @all = map { view("u$_") } 1 .. 16;
ok(counts($all[0], 16), 'sixteen viewers');

my ($start, @dead, @alive);

for my $pid ($nginx->workers) {
    $start = time;
    $nginx->kill_worker($pid);
    @dead = grep { !$_->fence } @all;
    last if @dead;
}

my %dead = map { $_ => 1 } @dead;
@alive = grep { !$dead{$_} } @all;

my $left = @alive;
cmp_ok(@dead, '>', 0, 'the worker had viewers, ' . @dead);
ok($_->wait_eof, 'whose connections end') for @dead;

SKIP: {
    skip 'no worker else had viewers', 2 if !@alive;
    ok(counts($_, $left, 5), 'the others hear how many are left') for @alive;
    cmp_ok(time - $start, '<', 6, 'within five seconds');
}

is(api(GET => '/api/properties/p1/viewers')->{json}{count}, $left,
   'ghosts are not counted');
is(api(GET => '/api/properties/p1')->{json}{title}, 'House',
   'the property is still there');


# a user with connections to several workers stays

my @tabs = map { view('anna') } 1 .. 4;
ok(counts($tabs[0], $left + 1), 'a user with several tabs');
api(POST => '/api/broadcast/price-update',
    { property_id => 'p1', new_price => 900 });
ok($_->wait_for('property:price_updated'), 'an event after the crash')
    for @alive, @tabs;


# a reload: connections are told to come back, state and places survive

my $at = $tabs[0]{state};
my $version = api(GET => '/api/properties/p1')->{json}{version};

$nginx->reload;

for (@alive, @tabs) {
    is(($_->wait_close)[0], 1012, 'closed with 1012');
    $_->drop;
}

ok($nginx->wait_drained, 'the old workers leave');

my $back = client(user => 'anna');
$back->send_json('resume', { channels => { 'property:p1' => {
    epoch => $at->{epoch}, offset => $at->{offset} } } });
is($back->wait_for('property:price_updated')->{payload}{new_price}, 900,
   'what was missed before the reload');
ok($back->wait_for('resumed')->{payload}{channels}{'property:p1'}{recovered},
   'resumed');
ok(counts($back, 1), 'one viewer is left');

my $now = api(GET => '/api/properties/p1')->{json};
is("$now->{price} $now->{version}", "900 $version", 'the property survives');

done_testing();
