#!/usr/bin/perl

# Who goes offline: when he was last seen is written down first, and who is
# back by then has not gone.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Gate;
use RTProp::Test;

my $gate = RTProp::Gate->new;
my $nginx = rtprop_nginx($gate->options, workers => 1);

conversation('c1', 'ann', 'cleo');

my $ann = client(user => 'ann');
joins($ann, 'c1');

sub goes {
    my ($count) = @_;
    my $cleo = client(user => 'cleo');

    ok($ann->wait_for('presence:user_online'), 'somebody comes online');
    $gate->set(put => 'h', 'seen:cleo');
    $cleo->close;
    ok($gate->wait_lines(qr/ put seen:cleo .* h/, $count),
       'and goes; it is being written down');
    ok($ann->no_event('presence:user_offline'), 'nobody is told yet');
}

goes(1);
$gate->clear('put');
my $offline = $ann->wait_for('presence:user_offline');
ok($offline, 'then it is told');

my ($cleo) = grep { $_->{id} eq 'cleo' }
             @{joins($ann, 'c1')->{payload}{participants}};
is($cleo->{last_seen}, $offline->{payload}{last_seen}, 'who asks knows, too');

goes(2);
my $back = client(user => 'cleo');
ok($ann->wait_for('presence:user_online'), 'who comes back before that');
$gate->clear('put');
$gate->wait_lines(qr/ put seen:cleo .* p/, 2);
$back->close;
is($ann->wait_for('presence:user_offline') && 1, 1, 'has not gone');
ok($ann->no_event('presence:user_offline'), 'and goes once, later');

done_testing();
