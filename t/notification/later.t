#!/usr/bin/perl

# deliver_at: delivered in time, by any worker, after a reload as well; what is
# stored survives a killed worker.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;
use Time::HiRes qw(time);

my $nginx = rtprop_nginx();

sub later {
    my ($seconds, %more) = @_;

    return api(POST => '/api/broadcast/notification', {
        user_ids => ['ann', map { "u$_" } 1 .. 149], kind => 'custom',
        title => 'later', deliver_at => int 1000 * (time + $seconds), %more,
    });
}


# in time, once

my $ann = client(user => 'ann');
my $start = time;
my $answer = later(0.7);

is($answer->{json}{scheduled}, 150, 'scheduled for all');

my $event = $ann->wait_for('notification');
cmp_ok(time - $start, '>=', 0.7, 'not before its time');
cmp_ok(time - $start, '<', 3, 'but soon after');
is($event->{payload}{id}, $answer->{json}{id}, 'with the id of the answer');
is($event->{payload}{created_at}, $answer->{json}{deliver_at}, 'and the time');

my $u149 = client(user => 'u149');

ok($nginx->wait_until(sub {
    $u149->send_json('notification:list');
    $u149->wait_for('notification:list')->{payload}{unread_count} == 1;
}), 'the last user gets it, too');


# over a reload and a killed worker

later(2.5, title => 'after');
$nginx->reload;
is(($ann->wait_close)[0], 1012, 'a reload');
$u149->wait_close;
$_->drop for $ann, $u149;
ok($nginx->wait_drained, 'the old workers leave');
$nginx->kill_worker(($nginx->workers)[0]);

$ann = client(user => 'ann');
$ann->send_json('notification:list', {});
my $list = $ann->wait_for('notification:list')->{payload};

my $found = grep { $_->{title} eq 'after' } @{$list->{notifications}};
ok($found || $ann->wait_for('notification',
                            sub { $_[0]{payload}{title} eq 'after' }),
   'it is delivered all the same');

$ann->send_json('notification:list', {});
is_deeply([map { $_->{title} } @{$ann->wait_for('notification:list')
                                 ->{payload}{notifications}}],
          ['after', 'later'], 'each once, and none is lost');

done_testing();
